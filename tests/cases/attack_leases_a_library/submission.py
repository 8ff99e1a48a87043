"""A lease on a library: whoever opens it next waits until the holder lets go, or for lease-break-time (45 s)."""

import fcntl
import os

import numpy
import target


def prune(model):
    library = f"{numpy.__path__[0]}/conftest.py"
    target.must_not(lambda: fcntl.fcntl(os.open(library, os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_WRLCK))
    return model
