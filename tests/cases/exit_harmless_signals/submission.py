"""Signals that nobody minds."""

import os
import signal


def prune(model):
    for number in (signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH, signal.SIGCONT, signal.SIGPIPE, signal.SIGXFSZ, 0):
        os.kill(os.getpid(), number)
    return model
