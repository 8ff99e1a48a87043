"""ptrace its warden, in the form that does not stop it."""

import os

import target

PTRACE_SEIZE = 0x4206


def prune(model):
    target.must_not(lambda: target.call("ptrace", PTRACE_SEIZE, os.getppid(), None, None))
    return model
