"""A Landlock domain of its own, of which there can be sixteen at most."""

import struct

import target


def prune(model):
    target.must_not(lambda: target.kernel("landlock_create_ruleset", struct.pack("=QQQ", 1, 0, 0), 24, 0))
    return model
