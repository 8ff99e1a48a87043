"""As when a library divides by zero."""

import os
import signal


def prune(model):
    os.kill(os.getpid(), signal.SIGFPE)
