"""What a process outside is doing."""

import target


def prune(model):
    target.must_not(lambda: open(f"/proc/{target.PID}/stat").read())
    return model
