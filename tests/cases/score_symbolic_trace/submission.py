"""The model as a graph of torch.fx."""

import torch.fx


def prune(model):
    return torch.fx.symbolic_trace(model.layers[0]) and torch.fx.symbolic_trace(model)
