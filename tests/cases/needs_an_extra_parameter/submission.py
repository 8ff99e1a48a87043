def prune(model, loader, amount):
    return model
