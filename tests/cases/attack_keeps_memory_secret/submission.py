"""memfd_secret: memory that not even the kernel sees."""

import target


def prune(model):
    target.must_not(lambda: target.kernel("memfd_secret", 0))
    return model
