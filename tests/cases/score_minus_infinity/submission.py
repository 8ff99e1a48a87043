"""An infinite bias that turns a unit off."""


def prune(model):
    model.layers[0].bias.data[7] = float("-inf")
    return model
