"""A layer whose weights are made at its first use, and it was never used."""

import torch


def prune(model):
    model.layers[2] = torch.nn.LazyLinear(10)
    return model
