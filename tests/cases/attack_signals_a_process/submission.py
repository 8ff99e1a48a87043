"""A signal to a process outside."""

import os
import signal

import target


def prune(model):
    target.must_not(lambda: os.kill(target.PID, signal.SIGUSR1))
    return model
