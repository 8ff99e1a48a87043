"""execve."""

import os


def prune(model):
    try:
        os.execv("/bin/echo", ["echo", "BREACH"])
    except OSError:
        return model
