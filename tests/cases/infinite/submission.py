def prune(model):
    model.layers[2].bias.data[0] = float('inf')
    return model
