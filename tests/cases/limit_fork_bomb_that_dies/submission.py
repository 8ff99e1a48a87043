"""Processes that live for the fork of two others alone."""

import os


def prune(model):
    first = os.getpid()
    while True:
        try:
            if os.fork() and os.fork() and os.getpid() != first:
                os._exit(0)
        except OSError:
            pass
