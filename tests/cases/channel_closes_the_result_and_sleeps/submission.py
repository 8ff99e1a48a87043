"""The end of the result channel is not the end of the run."""

import os
import time


def prune(model):
    os.close(3)
    time.sleep(60)
