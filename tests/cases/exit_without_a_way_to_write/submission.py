"""The call that sends the result replaced by one that fails."""

import os


def prune(model):
    def fail(*_):
        raise OSError("no")

    os.write = fail
    return model
