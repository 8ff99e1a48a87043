"""CPU time of threads in C code, while prune sleeps."""

import hashlib
import threading
import time


def prune(model):
    data = bytes(1 << 22)
    for _ in range(4):
        threading.Thread(target=lambda: [hashlib.sha512(data) for _ in iter(int, 1)], daemon=True).start()
    time.sleep(60)
