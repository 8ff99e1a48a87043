"""A time namespace, by the only call that can: the flag means a signal to the older ones."""

import os
import signal
import struct

import target

CLONE_NEWUSER, CLONE_NEWTIME = 0x10000000, 0x80


def make():
    arguments = struct.pack("=QQQQQQQQ", CLONE_NEWUSER | CLONE_NEWTIME, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    pid = target.kernel("clone3", arguments, len(arguments))
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)


def prune(model):
    target.must_not(make)
    return model
