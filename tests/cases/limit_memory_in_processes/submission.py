"""Memory spread over processes, none of which has much."""

import time

import target


def hoard():
    kept = [bytearray(b"x") * (8 << 20) for _ in range(15)]
    time.sleep(30)
    return kept


def prune(model):
    for _ in range(8):
        target.fork(hoard)
    time.sleep(30)
