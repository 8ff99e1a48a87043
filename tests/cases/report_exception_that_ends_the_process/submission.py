"""An exception that ends the process when it is shown."""

import os


class Error(Exception):
    def __str__(self):
        os._exit(4)


def prune(model):
    raise Error
