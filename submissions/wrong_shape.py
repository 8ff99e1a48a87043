import torch.nn as nn


def prune(model, keep=200):
    """Structured pruning: really remove the hidden units with the smallest outgoing weights."""
    importance = model.layers[2].weight.norm(dim=0)
    kept = importance.topk(keep).indices
    first, last = nn.Linear(128, keep), nn.Linear(keep, 10)
    first.weight.data = model.layers[0].weight.data[kept]
    first.bias.data = model.layers[0].bias.data[kept]
    last.weight.data = model.layers[2].weight.data[:, kept]
    last.bias.data = model.layers[2].bias.data
    model.layers[0], model.layers[2] = first, last
    return model
