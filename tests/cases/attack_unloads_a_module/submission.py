"""Unload a module that is not there."""

import target


def prune(model):
    target.must_not(lambda: target.reach(target.kernel, "delete_module", b"prunegrade_no_such_module", 0))
    return model
