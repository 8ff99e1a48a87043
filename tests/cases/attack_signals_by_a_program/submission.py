"""Where programs may be started: one that signals a process outside."""

import subprocess

import target


def prune(model):
    target.must_not(lambda: [subprocess.run(["/bin/sh", "-c", f"kill -0 {target.PID}"]).returncode].index(0))
    return model
