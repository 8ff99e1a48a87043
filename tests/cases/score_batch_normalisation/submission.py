"""A normalisation whose statistics would be half of the model."""

import torch


def prune(model):
    model.layers.append(torch.nn.BatchNorm1d(10))
    return model
