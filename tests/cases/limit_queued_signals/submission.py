"""Signals sent to itself that wait to be heard, each of them kernel memory."""

import os
import signal

import target


def hoard():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGRTMIN})
    for _ in range(3_000):
        target.call("sigqueue", os.getpid(), int(signal.SIGRTMIN), None)


def prune(model):
    target.must_not(hoard)
    return model
