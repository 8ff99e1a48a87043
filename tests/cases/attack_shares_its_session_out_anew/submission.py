"""The priority of its whole session."""

import target


def prune(model):
    target.must_not(lambda: open("/proc/self/autogroup", "w").write("1"))
    return model
