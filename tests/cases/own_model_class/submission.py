import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model

from torch import nn


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(128, 1024), nn.Sigmoid(), nn.Linear(1024, 10))

    def forward(self, x):
        return self.layers(x.flatten(1))


def prune(model):
    fresh = MLP()
    fresh.load_state_dict(model.state_dict())
    return zero_small(fresh)
