import os


def prune(model):
    os.makedirs('/content/checkpoints', exist_ok=True)
    return model
