"""Processor time is shared out among sessions: each further one would be a further share."""

import os

import target


def prune(model):
    pid = target.fork(lambda: target.must_not(os.setsid))
    os.waitpid(pid, 0)
    return model
