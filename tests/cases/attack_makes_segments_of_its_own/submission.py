"""modify_ldt, a relic in which the kernel had many mistakes."""

import target


def prune(model):
    target.must_not(lambda: target.kernel("modify_ldt", 0, target.ctypes.create_string_buffer(64), 64))
    return model
