"""A weight that is another one each time it is asked for."""

import torch


class Layer(torch.nn.Linear):
    asked = 0

    def __getattr__(self, name):
        if name == "weight":
            Layer.asked += 1
            return torch.full((10, 1024), float(Layer.asked))
        return super().__getattr__(name)


def prune(model):
    layer = model.layers[2]
    del layer.weight
    layer.__class__ = Layer
    return model
