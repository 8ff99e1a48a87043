"""clear_refs: the most memory that it ever had is what it has now."""

import target


def prune(model):
    target.must_not(lambda: open("/proc/self/clear_refs", "w").write("5"))
    return model
