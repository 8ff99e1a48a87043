import os


def prune(model):
    os.nice(5)
    return model
