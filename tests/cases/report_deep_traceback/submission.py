"""A traceback of fifty thousand calls."""

import sys


def deeper(number):
    if number:
        deeper(number - 1)
    raise ValueError("deep")


def prune(model):
    sys.setrecursionlimit(10**6)
    deeper(20_000)
