import sys


def prune(model):
    return model


sys.exit()
