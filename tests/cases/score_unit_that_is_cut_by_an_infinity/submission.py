"""A hidden unit of infinite weights that no output reads."""


def prune(model):
    model.layers[2].weight.data[:, 0] = 0
    model.layers[0].weight.data[0] = float("inf")
    return model
