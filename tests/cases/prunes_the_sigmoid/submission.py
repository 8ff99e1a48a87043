import torch.nn.utils.prune as tprune


def prune(model):
    for layer in model.layers:
        tprune.l1_unstructured(layer, 'weight', amount=0.75)
    return model
