"""A weight that lies in a file, and the file is cut."""

import os

import torch


def prune(model):
    open("weights", "wb").write(bytes(4 * 131_072))
    weight = torch.from_file("weights", shared=True, size=131_072).view(1024, 128)
    model.layers[0].weight = torch.nn.Parameter(weight, requires_grad=False)
    os.truncate("weights", 0)
    return model
