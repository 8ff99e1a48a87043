"""Threads that end as soon as they are started, without end."""

import threading


def prune(model):
    while True:
        threading.Thread(target=int).start()
