"""Where programs may be started: one that reads the hidden file."""

import subprocess

import target


def prune(model):
    target.must_not(
        lambda: subprocess.run(["/bin/cat", target.HIDDEN], capture_output=True, text=True).stdout.index(target.CANARY)
    )
    return model
