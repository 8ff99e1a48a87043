import torch.nn.utils.prune as tprune


def prune(model):
    parts = [(model.layers[i], kind) for i in (0, 2) for kind in ('weight', 'bias')]
    tprune.global_unstructured(parts, pruning_method=tprune.L1Unstructured, amount=0.75)
    tprune.remove(*parts[0])
    return model
