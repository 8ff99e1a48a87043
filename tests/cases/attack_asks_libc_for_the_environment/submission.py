"""getenv: Python may have forgotten what libc has not."""

import target


def ask():
    target.libc.getenv.restype = target.ctypes.c_char_p
    found = target.libc.getenv(target.VARIABLE.encode())
    if found is None:
        raise LookupError
    return found


def prune(model):
    target.must_not(ask)
    return model
