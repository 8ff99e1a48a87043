"""The end of the log is not the end of the run, nor is a print into a closed one."""

import os
import sys


def prune(model):
    os.closerange(0, 3)
    for stream in (sys.stdout, sys.stderr):
        try:
            print("x" * 100_000, file=stream, flush=True)
        except OSError:
            pass
    return model
