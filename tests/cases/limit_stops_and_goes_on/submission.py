"""Stopped by its child and woken again: nobody takes the stop for an end."""

import os
import signal
import time


def prune(model):
    if os.fork() == 0:
        os.kill(os.getppid(), signal.SIGSTOP)
        time.sleep(0.2)
        os.kill(os.getppid(), signal.SIGCONT)
        os._exit(0)
    time.sleep(0.3)
    return model
