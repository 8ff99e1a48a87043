"""Weights that are true or false."""


def prune(model):
    return {name: value != 0 for name, value in model.state_dict().items()}
