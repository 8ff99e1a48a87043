"""Where programs may be started, one in the submission's place has its limits."""

import os


def prune(model):
    os.execv("/bin/sleep", ["sleep", "60"])
