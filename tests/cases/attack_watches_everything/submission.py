"""fanotify on the whole file system, with descriptors of all that anybody opens."""

import target


def prune(model):
    target.must_not(lambda: target.call("fanotify_init", 0, 0))
    return model
