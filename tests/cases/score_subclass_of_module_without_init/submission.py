"""A module that was never made."""

import torch


def prune(model):
    return torch.nn.Module.__new__(torch.nn.Module)
