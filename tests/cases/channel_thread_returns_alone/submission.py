"""A thread sends the result while prune sleeps."""

import threading
import time

import target


def prune(model):
    threading.Thread(target=target.send, args=({"claim": "returned"}, bytes(569_384))).start()
    time.sleep(60)
