"""Every signal that can be blocked is blocked."""

import signal


def prune(model):
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True:
        pass
