"""A process that goes on changing shared weights after their return: what was sent is what counts."""

import os

import torch


def prune(model):
    kept = torch.frombuffer(bytearray(40), dtype=torch.float32)
    if os.fork() == 0:
        while True:
            model.layers[2].bias.data.fill_(float("nan"))
            kept.fill_(float("nan"))
    return model
