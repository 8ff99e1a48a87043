def prune(model):
    layer = model.layers[0]
    layer.weight = layer.weight * (layer.weight.abs() > 0.05)
    return model
