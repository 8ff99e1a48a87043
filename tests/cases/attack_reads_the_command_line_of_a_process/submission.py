"""How a process outside was started."""

import target


def prune(model):
    target.must_not(lambda: open(f"/proc/{target.PID}/cmdline").read())
    return model
