"""The same by clone3, whose flags lie in memory, where no filter can read them."""

import os
import signal
import struct

import target

CLONE_NEWUSER = 0x10000000


def make():
    arguments = struct.pack("=QQQQQQQQ", CLONE_NEWUSER, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    pid = target.kernel("clone3", arguments, len(arguments))
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)


def prune(model):
    target.must_not(make)
    return model
