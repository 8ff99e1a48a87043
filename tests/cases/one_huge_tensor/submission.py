import torch


def prune(model):
    return torch.zeros(10**12)
