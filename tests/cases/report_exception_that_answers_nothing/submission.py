"""An exception that fails at whatever it is asked."""


class Error(Exception):
    def __getattribute__(self, name):
        raise RuntimeError(name)

    def __str__(self):
        raise RuntimeError("text")

    __repr__ = __eq__ = __hash__ = __str__


def prune(model):
    raise Error
