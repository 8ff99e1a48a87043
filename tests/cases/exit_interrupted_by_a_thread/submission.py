"""A thread interrupts the main one, which notices as soon as it runs Python again."""

import _thread
import threading
import time


def prune(model):
    threading.Timer(0.3, _thread.interrupt_main).start()
    for _ in range(600):
        time.sleep(0.1)
