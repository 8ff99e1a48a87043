"""io_uring_register, part of which needs no descriptor at all."""

import target


def prune(model):
    target.must_not(lambda: target.reach(target.kernel, "io_uring_register", -1, 31, None, 1))
    return model
