from torch import nn


def prune(model):
    model.skip = nn.Linear(128, 10)
    return model
