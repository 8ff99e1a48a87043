"""Memory of processes that have left their parent."""

import time

import target


def hoard():
    kept = [bytearray(b"x") * (8 << 20) for _ in range(20)]
    time.sleep(30)
    return kept


def prune(model):
    for _ in range(5):
        target.daemon(hoard)
    time.sleep(30)
