def prune(model):
    share = float(input('share? '))
    return model
