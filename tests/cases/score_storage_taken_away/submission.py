"""The memory of a weight given back."""


def prune(model):
    model.layers[0].weight.untyped_storage().resize_(0)
    return model
