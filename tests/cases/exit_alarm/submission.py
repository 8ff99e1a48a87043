"""An alarm of the submission's own that nobody answers."""

import signal
import time


def prune(model):
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    time.sleep(60)
