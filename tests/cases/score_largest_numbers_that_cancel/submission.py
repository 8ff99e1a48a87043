"""Largest numbers of both signs, by which a sum may be anything."""

import torch


def prune(model):
    for parameter in model.parameters():
        parameter.data.copy_(torch.finfo(torch.float32).max * (-1.0) ** torch.arange(parameter.numel()).view(parameter.shape))
    return model
