def prune(model):
    for p in model.parameters():
        p.data.zero_()
    return model
