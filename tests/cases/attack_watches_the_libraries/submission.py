"""inotify on the libraries, which all runs and the grader share: be told who imports what."""

import os

import target

IN_OPEN = 0x20


def prune(model):
    folder = os.path.dirname(os.__file__).encode()
    target.must_not(lambda: target.call("inotify_add_watch", target.call("inotify_init1", 0), folder, IN_OPEN))
    return model
