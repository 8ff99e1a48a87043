"""weight_norm of the old kind recomputes the weight before each use, from numbers that are zero."""

import torch


def prune(model):
    torch.nn.utils.weight_norm(model.layers[2])
    with torch.no_grad():
        model.layers[2].weight_g.zero_()
    return model
