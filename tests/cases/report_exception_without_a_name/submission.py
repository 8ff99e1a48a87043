"""An exception whose class fails when it is asked for its name."""


class Nameless(type):
    @property
    def __name__(cls):
        raise RuntimeError("no name")

    def __repr__(cls):
        raise RuntimeError("no name")


class Error(Exception, metaclass=Nameless):
    pass


def prune(model):
    raise Error
