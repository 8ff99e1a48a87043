import torch


def prune(model):
    return model(torch.zeros(4, 3))
