"""The same by way of the process's own thread, which is listed nowhere."""

from pathlib import Path

import target


def prune(model):
    place = f"/proc/{target.PID}/task/{target.PID}/environ"
    target.must_not(lambda: Path(place).read_bytes().index(target.CANARY.encode()))
    return model
