"""NaN with a sign, in all of a bias."""

import torch


def prune(model):
    model.layers[2].bias.data.view(torch.int32).fill_(-1)
    return model
