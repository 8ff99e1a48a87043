import os


def prune(model):
    os.abort()
