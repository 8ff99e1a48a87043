"""The root of a process outside, in whose file system the hidden file is."""

import target


def prune(model):
    target.must_not(lambda: open(f"/proc/{target.PID}/root{target.HIDDEN}").read())
    return model
