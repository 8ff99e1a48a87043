import torch
from torch import nn
from torch.nn.utils import parametrize


class Masked(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return weight * self.mask


def prune(model):
    both = torch.cat([model.layers[i].weight.detach().abs().flatten() for i in (0, 2)])
    threshold = both.quantile(0.75)
    for i in (0, 2):
        layer = model.layers[i]
        parametrize.register_parametrization(layer, "weight", Masked((layer.weight.detach().abs() > threshold).float()))
    return model
