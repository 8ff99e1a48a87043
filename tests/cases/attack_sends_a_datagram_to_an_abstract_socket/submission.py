"""sendto a name that is in no folder."""

import errno
import socket

import target


def ask():
    try:
        return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"?", f"\0{target.ABSTRACT}")
    except OSError as error:
        if error.errno != errno.EPROTOTYPE:
            raise
        return "reached"


def prune(model):
    target.must_not(ask)
    return model
