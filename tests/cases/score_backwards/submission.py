"""Weights that lie backwards, with holes and in columns."""

import torch


def prune(model):
    state = model.state_dict()
    state["layers.0.weight"] = state["layers.0.weight"].t().contiguous().t()
    state["layers.2.weight"] = torch.stack([state["layers.2.weight"]] * 3, dim=2)[:, :, 1]
    return state
