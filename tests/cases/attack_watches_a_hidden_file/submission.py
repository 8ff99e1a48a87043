"""inotify: be told whenever the hidden file is read."""

import target

IN_OPEN = 0x20


def prune(model):
    target.must_not(lambda: target.call("inotify_add_watch", target.call("inotify_init1", 0), target.HIDDEN.encode(), IN_OPEN))
    return model
