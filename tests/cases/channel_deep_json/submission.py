"""JSON so deep that a parser runs out of stack."""

import target


def prune(model):
    target.send(b"[" * 500_000)
    return model
