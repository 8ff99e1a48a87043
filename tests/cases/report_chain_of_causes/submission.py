"""A hundred thousand exceptions, each of them the cause of the next one."""


def prune(model):
    error = last = ValueError("last")
    for number in range(100_000):
        error.__cause__ = ValueError(str(number))
        error = error.__cause__
    raise last
