"""Exceptions in each other, a hundred thousand deep."""


def prune(model):
    error = ValueError("innermost")
    for _ in range(100_000):
        error = ExceptionGroup("outer", [error])
    raise error
