"""Set an extended attribute of the hidden file."""

import os

import target


def prune(model):
    target.must_not(lambda: os.setxattr(target.HIDDEN, "user.mark", b"x"))
    return model
