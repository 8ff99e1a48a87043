"""The process lets itself be killed from within, which is no time-out and no lack of memory."""

import os
import signal
import time


def prune(model):
    if os.fork() == 0:
        os.kill(os.getppid(), signal.SIGKILL)
        os._exit(0)
    time.sleep(60)
