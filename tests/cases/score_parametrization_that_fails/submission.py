"""A parametrization that computes the weight, and fails the second time."""

import torch
from torch.nn.utils import parametrize


class Twice(torch.nn.Module):
    calls = 0

    def forward(self, value):
        Twice.calls += 1
        return value / 1 if Twice.calls < 2 else 1 / 0


def prune(model):
    parametrize.register_parametrization(model.layers[0], "weight", Twice())
    return model
