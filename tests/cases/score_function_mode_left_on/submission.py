"""A mode of torch's that turns the result of every function into zeros, entered and never left."""

import torch
from torch.overrides import TorchFunctionMode


class Zeros(TorchFunctionMode):
    def __torch_function__(self, function, types, arguments=(), keywords=None):
        found = function(*arguments, **(keywords or {}))
        return torch.Tensor.zero_(found) if isinstance(found, torch.Tensor) and found.is_floating_point() else found


def prune(model):
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    Zeros().__enter__()
    return model
