"""The working folder of a process outside, which is the one with the hidden file."""

import target


def prune(model):
    target.must_not(lambda: open(f"/proc/{target.PID}/cwd/hidden").read())
    return model
