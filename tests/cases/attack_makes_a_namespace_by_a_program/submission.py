"""Where programs may be started: one that makes a namespace."""

import subprocess

import target


def prune(model):
    target.must_not(lambda: [subprocess.run(["/usr/bin/unshare", "--user", "true"]).returncode].index(0))
    return model
