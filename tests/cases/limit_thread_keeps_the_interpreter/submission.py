"""A thread waits in C with the interpreter's lock in its hand, so that nothing of Python goes on."""

import ctypes
import threading


def prune(model):
    threading.Thread(target=ctypes.PyDLL(None).sleep, args=(60,)).start()
    return model
