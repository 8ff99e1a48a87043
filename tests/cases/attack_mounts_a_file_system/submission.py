"""Mount a file system on a file of its own, which is no folder: refused for that, once the right is there."""

import target


def prune(model):
    target.must_not(lambda: target.reach(target.call, "mount", b"none", b"prune.py", b"tmpfs", 0, None))
    return model
