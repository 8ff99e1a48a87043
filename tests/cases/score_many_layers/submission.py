"""Ten thousand further layers."""

import torch


def prune(model):
    model.further = torch.nn.ModuleList(torch.nn.Linear(1, 1) for _ in range(10_000))
    return model
