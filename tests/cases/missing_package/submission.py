import torch_pruning as tp


def prune(model):
    return tp.prune(model)
