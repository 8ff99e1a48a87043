"""No module is left where imports look for them."""

import sys


def prune(model):
    sys.modules.clear()
    return model
