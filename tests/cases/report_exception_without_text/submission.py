"""An exception whose text is a number."""


class Error(Exception):
    def __str__(self):
        return 5


def prune(model):
    raise Error
