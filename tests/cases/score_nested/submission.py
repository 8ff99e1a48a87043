"""A nested tensor, which has no shape."""

import torch


def prune(model):
    state = model.state_dict()
    return {**state, "layers.0.weight": torch.nested.nested_tensor(list(state["layers.0.weight"]))}
