"""No descriptor is left to read the failing line by."""

import os


def prune(model):
    try:
        while True:
            os.dup(0)
    except OSError:
        raise ValueError("none left") from None
