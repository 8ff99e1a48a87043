"""settimeofday with neither a time nor a zone, which changes nothing and asks for the same right."""

import target


def prune(model):
    target.must_not(lambda: target.kernel("settimeofday", None, None))
    return model
