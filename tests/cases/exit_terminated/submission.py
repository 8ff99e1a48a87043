"""A polite signal to itself."""

import os
import signal


def prune(model):
    os.kill(os.getpid(), signal.SIGTERM)
