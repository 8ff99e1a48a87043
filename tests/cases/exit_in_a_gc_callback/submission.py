"""A callback of the garbage collector's that ends the process while the weights are collected."""

import gc
import os


def prune(model):
    gc.callbacks.append(lambda *_: os._exit(4))
    gc.set_threshold(1)
    return model
