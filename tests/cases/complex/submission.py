import torch


def prune(model):
    return model.to(torch.complex64)
