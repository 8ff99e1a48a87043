"""Up and up from /proc/self/cwd, which was opened before anything was confined."""

import target


def prune(model):
    target.must_not(lambda: open(f"/proc/self/cwd{'/..' * 40}{target.HIDDEN}").read())
    return model
