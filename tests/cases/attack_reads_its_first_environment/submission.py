"""The environment as it was when the process was started, whatever os.environ shows."""

from pathlib import Path

import target


def prune(model):
    target.must_not(lambda: Path("/proc/self/environ").read_bytes().index(target.CANARY.encode()))
    return model
