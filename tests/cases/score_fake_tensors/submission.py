"""Tensors that only pretend, as compilers use them."""

from torch._subclasses.fake_tensor import FakeTensorMode


def prune(model):
    mode = FakeTensorMode()
    return {name: mode.from_tensor(value) for name, value in model.state_dict().items()}
