"""A tensor that answers every function of torch's by failing."""

import torch


class Mute(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, arguments=(), keywords=None):
        raise RuntimeError("no answer")


def prune(model):
    model.layers[2].bias = torch.nn.Parameter(model.layers[2].bias.data)
    model.layers[2].__dict__["bias"] = torch.zeros(10).as_subclass(Mute)
    del model.layers[2]._parameters["bias"]
    return model
