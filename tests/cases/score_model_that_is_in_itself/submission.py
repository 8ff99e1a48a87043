"""A module that is one of its own members."""


def prune(model):
    model.layers.itself = model
    return model
