"""Records of length zero."""

import os
import time


def prune(model):
    os.write(3, bytes(4_000))
    time.sleep(60)
