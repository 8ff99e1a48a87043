"""The kernel's own signals of a broken limit, sent by the submission itself: no limit was broken."""

import os
import signal


def prune(model):
    os.kill(os.getpid(), signal.SIGXCPU)
