"""A hundred thousand exceptions in one."""


def prune(model):
    raise ExceptionGroup("wide", [ValueError(str(number)) for number in range(100_000)])
