def prune(model):
    return model, 0.75
