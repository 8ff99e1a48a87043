"""Texts whose every character takes twelve bytes in the record: it must still fit."""


def prune(model):
    first = error = ValueError("\U0001f525" * 100_000)
    for _ in range(4):
        error.__cause__ = ValueError("\U0001f525" * 100_000)
        error = error.__cause__
    raise first
