"""Where in a process outside what lies."""

import target


def prune(model):
    target.must_not(lambda: open(f"/proc/{target.PID}/maps").readline())
    return model
