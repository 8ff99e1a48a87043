"""A small stack that overflows in another thread."""

import sys
import threading


def prune(model):
    sys.setrecursionlimit(10**9)
    threading.stack_size(65_536)
    nested = []
    for _ in range(10**6):
        nested = [nested]
    thread = threading.Thread(target=repr, args=(nested,))
    thread.start()
    thread.join()
