"""A thread that loops, and no other ever gets its turn."""

import sys
import threading


def loop():
    while True:
        pass


def prune(model):
    sys.setswitchinterval(1_000_000)
    threading.Thread(target=loop).start()
    return model
