import os
import signal


def prune(model):
    os.kill(os.getpid(), signal.SIGKILL)
