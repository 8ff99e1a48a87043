"""Let the hidden file and one of its own change places."""

import target

AT_FDCWD, RENAME_EXCHANGE = -100, 2


def prune(model):
    target.must_not(lambda: target.call("renameat2", AT_FDCWD, target.HIDDEN.encode(), AT_FDCWD, b"prune.py", RENAME_EXCHANGE))
    return model
