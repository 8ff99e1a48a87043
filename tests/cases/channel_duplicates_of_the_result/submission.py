"""As many copies of the result channel as there are descriptors, in two processes: nobody waits for them to be closed."""

import os
import time


def prune(model):
    try:
        while True:
            os.dup(3)
    except OSError:
        pass
    if os.fork() == 0:
        time.sleep(60)
    return model
