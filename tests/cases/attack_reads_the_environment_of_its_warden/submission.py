"""The environment of its warden, which an ordinary user can never read: no debugger may look into a warden."""

import os

import target


def prune(model):
    target.must_not(lambda: open(f"/proc/{os.getppid()}/environ", "rb").read(1))
    return model
