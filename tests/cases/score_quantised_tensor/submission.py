"""A quantised tensor in a state_dict."""

import torch


def prune(model):
    state = model.state_dict()
    return {**state, "layers.0.weight": torch.quantize_per_tensor(state["layers.0.weight"], 0.1, 0, torch.qint8)}
