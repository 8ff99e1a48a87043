"""The first thread of each process ends, and the process looks like a zombie; then another thread takes its memory."""

import ctypes
import os
import threading
import time

import target


def hoard():
    threading.Thread(target=keep).start()
    ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)


def keep():
    time.sleep(0.3)
    kept = [bytearray(b"x") * (8 << 20) for _ in range(25)]
    time.sleep(30)
    return kept


def prune(model):
    for _ in range(4):
        target.fork(hoard)
    time.sleep(30)
