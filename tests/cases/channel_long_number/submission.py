"""A number so long that its conversion takes quadratic time."""

import target


def prune(model):
    target.send(b'{"claim":' + b"9" * 500_000 + b"}")
    return model
