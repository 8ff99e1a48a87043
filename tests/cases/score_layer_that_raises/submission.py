"""A weight that fails when it is asked for."""

import torch


class Layer(torch.nn.Linear):
    @property
    def weight(self):
        raise RuntimeError("no weight")

    @weight.setter
    def weight(self, value):
        pass


def prune(model):
    layer = Layer(1024, 10)
    model.layers[2] = layer
    return model
