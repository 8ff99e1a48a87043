"""A layer that looks in itself for what it lacks."""

import torch


class Layer(torch.nn.Module):
    def __getattr__(self, name):
        return getattr(self, name)


def prune(model):
    model.layers[2] = Layer()
    return model
