"""An exception whose text is never done."""


class Error(Exception):
    def __str__(self):
        while True:
            pass


def prune(model):
    raise Error
