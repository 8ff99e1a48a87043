"""fsopen, the newer way to mount."""

import target


def prune(model):
    target.must_not(lambda: target.kernel("fsopen", b"tmpfs", 0))
    return model
