"""An exception whose text is its text."""


class Error(Exception):
    def __str__(self):
        return str(self)


def prune(model):
    raise Error
