"""A capability for the programs that it would start."""

import struct

import target

VERSION_3, CAP_KILL, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 0x20080522, 5, 47, 2


def take():
    mask = 1 << CAP_KILL
    target.call("capset", struct.pack("=Ii", VERSION_3, 0), struct.pack("=6I", mask, mask, mask, 0, 0, 0))
    target.call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0)


def prune(model):
    target.must_not(take)
    return model
