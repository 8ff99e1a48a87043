"""The environment of a process outside, with a token in it."""

from pathlib import Path

import target


def prune(model):
    target.must_not(lambda: Path(f"/proc/{target.PID}/environ").read_bytes().index(target.CANARY.encode()))
    return model
