from torch import nn


def prune(model):
    model.layers[0] = nn.Linear(128, 100)
    model.layers[2] = nn.Linear(100, 10)
    return model
