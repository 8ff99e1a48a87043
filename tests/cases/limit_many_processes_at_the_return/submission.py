"""Processes that still run when prune returns."""

import os
import time


def prune(model):
    for _ in range(40):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    return model
