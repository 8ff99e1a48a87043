"""CPU time of processes whose parent has ended."""

import time

import target


def prune(model):
    for _ in range(4):
        target.daemon(lambda: target.burn(30))
    time.sleep(30)
