"""Every import fails from now on, and then prune does."""

import builtins


def prune(model):
    builtins.__import__ = None
    raise ValueError("no imports")
