"""tgkill on a process outside."""

import signal

import target


def prune(model):
    target.must_not(lambda: target.kernel("tgkill", target.PID, target.PID, signal.SIGUSR1))
    return model
