"""rt_sigqueueinfo, with a sender made up."""

import signal
import struct

import target

SI_QUEUE = -1


def prune(model):
    information = struct.pack("=iiiiii", signal.SIGUSR1, 0, SI_QUEUE, 0, 1, 0) + bytes(104)
    target.must_not(lambda: target.kernel("rt_sigqueueinfo", target.PID, signal.SIGUSR1, information))
    return model
