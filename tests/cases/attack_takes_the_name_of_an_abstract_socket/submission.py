"""Names without a folder belong to who comes first; that this one is taken is told to those alone who could take others."""

import errno
import socket

import target


def take():
    try:
        socket.socket(socket.AF_UNIX).bind(f"\0{target.ABSTRACT}")
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return "taken"
    raise LookupError("a name of its own network's")


def prune(model):
    target.must_not(take)
    return model
