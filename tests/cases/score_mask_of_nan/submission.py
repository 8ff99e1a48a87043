"""torch's own masks, filled with NaN."""

import torch
from torch.nn.utils import prune as pruning


def prune(model):
    pruning.identity(model.layers[0], "weight")
    model.layers[0].weight_mask.fill_(float("nan"))
    return model
