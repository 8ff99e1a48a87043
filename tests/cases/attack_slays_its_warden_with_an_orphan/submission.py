"""A process that kills its parent when it ends, and whose parent ends first, so that the warden inherits it."""

import os
import signal
import time

import target


def prune(model):
    def middle():
        if target.kernel("clone", signal.SIGKILL, 0, 0, 0, 0) == 0:
            time.sleep(0.1)
            os._exit(0)

    os.waitpid(target.fork(middle), 0)
    time.sleep(0.15)
    return model
