"""posix_spawn, which forks and starts at once."""

import os


def prune(model):
    try:
        os.waitpid(os.posix_spawn("/bin/echo", ["echo", "BREACH"], {}), 0)
    except OSError:
        return model
    return model
