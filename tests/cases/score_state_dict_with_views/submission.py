"""Weights that are one number, spread over all places without any memory."""

import torch


def prune(model):
    return {name: torch.zeros(1).expand(value.shape) for name, value in model.state_dict().items()}
