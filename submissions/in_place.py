"""Magnitude pruning layer by layer with torch's own pruning module. Works in place, so there is nothing to return."""
import torch.nn.utils.prune as P


def prune(model):
    for layer, amount in ((model.layers[0], 0.65), (model.layers[2], 0.3)):
        P.l1_unstructured(layer, "weight", amount=amount)
        P.remove(layer, "weight")
