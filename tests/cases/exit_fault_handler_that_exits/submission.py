"""Python's fault handler ends the process after a time, while prune sleeps."""

import faulthandler
import time


def prune(model):
    faulthandler.dump_traceback_later(0.05, exit=True)
    time.sleep(60)
