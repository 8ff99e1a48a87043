"""A signal by way of a pidfd."""

import os
import signal

import target


def prune(model):
    target.must_not(lambda: signal.pidfd_send_signal(os.pidfd_open(target.PID), signal.SIGUSR1))
    return model
