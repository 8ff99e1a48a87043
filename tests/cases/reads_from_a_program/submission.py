import os


def prune(model):
    print(os.popen('nvidia-smi').read())
    return model
