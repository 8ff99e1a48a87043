"""A weight without any numbers."""

import torch


def prune(model):
    model.layers[0].weight = torch.nn.Parameter(torch.empty(0, 128))
    return model
