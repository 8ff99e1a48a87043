"""Open files without end."""

import os


def prune(model):
    kept = []
    while True:
        kept.append(os.open(".", os.O_RDONLY))
