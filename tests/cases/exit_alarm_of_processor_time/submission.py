"""A profiler's signal that nobody answers."""

import signal


def prune(model):
    signal.setitimer(signal.ITIMER_PROF, 0.05)
    while True:
        pass
