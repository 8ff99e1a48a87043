"""The largest finite numbers: their squares still have a sum."""

import torch


def prune(model):
    for parameter in model.parameters():
        parameter.data.fill_(torch.finfo(torch.float32).max)
    return model
