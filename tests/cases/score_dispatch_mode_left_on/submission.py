"""A mode of torch's below every operation that fails, entered and never left."""

from torch.utils._python_dispatch import TorchDispatchMode


class Failing(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        raise RuntimeError("no operations")


def prune(model):
    Failing().__enter__()
    return model
