"""A log that does not wait is the submission's own affair."""

import os
import sys


def prune(model):
    os.set_blocking(1, False)
    while True:
        os.write(1, b"x" * 1_000_000)
        sys.stdout.flush()
