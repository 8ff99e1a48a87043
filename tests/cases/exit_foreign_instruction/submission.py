"""As when a library was built for another processor."""

import os
import signal


def prune(model):
    os.kill(os.getpid(), signal.SIGILL)
