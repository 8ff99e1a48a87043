def Prune(model):
    return model
