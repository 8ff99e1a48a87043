def prune(model, *, amount):
    return model
