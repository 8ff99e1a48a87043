"""Weights whose sign is a bit of the view: the imaginary part of a conjugate."""

import torch


def prune(model):
    state = model.state_dict()
    value = torch.complex(torch.zeros(10), state["layers.2.bias"]).conj().imag
    assert value.is_neg()
    return {**state, "layers.2.bias": value}
