def prune(model):
    for p in model.parameters():
        p *= p.abs() > 0.05
    return model
