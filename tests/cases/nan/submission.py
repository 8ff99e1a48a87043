def prune(model):
    model.layers[0].weight.data[3, 5] = float('nan')
    return model
