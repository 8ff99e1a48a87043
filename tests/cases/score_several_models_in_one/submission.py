"""A module that holds two models to choose the best from."""

import copy

import torch


def prune(model):
    return torch.nn.ModuleDict({"a": model, "b": copy.deepcopy(model)})
