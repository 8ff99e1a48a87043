"""The first layer's weight is the second one's as well."""


def prune(model):
    model.layers[2].weight = model.layers[0].weight
    return model
