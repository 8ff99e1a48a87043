import torch.nn.utils.prune as prune


def prune(model):
    layers = [(model.layers[i], 'weight') for i in (0, 2)]
    prune.global_unstructured(layers, pruning_method=prune.L1Unstructured, amount=0.75)
    return model
