"""A message of nested lists that a parser still reads."""

import target


def prune(model):
    target.send(b'{"claim":"raised","message":' + b"[" * 400 + b"]" * 400 + b"}")
    return model
