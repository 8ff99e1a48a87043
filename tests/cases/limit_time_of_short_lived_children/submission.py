"""Children that live shorter than a sample takes, and that nobody waits for."""

import signal
import time

import target


def prune(model):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        target.fork(lambda: target.burn(0.01))
        time.sleep(0.005)
