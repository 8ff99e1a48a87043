"""A cause that is no exception, as a property."""


class Error(ValueError):
    __cause__ = property(lambda self: 5)
    __traceback__ = property(lambda self: [self])


def prune(model):
    raise Error("x")
