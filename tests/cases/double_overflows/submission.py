def prune(model):
    model.double()
    model.layers[2].bias.data[0] = 1e300
    return model
