"""A raw Unix socket is a datagram socket by another name."""

import errno
import socket

import target


def ask():
    try:
        return socket.socket(socket.AF_UNIX, socket.SOCK_RAW).sendto(b"?", target.SOCKET)
    except OSError as error:
        if error.errno != errno.EPROTOTYPE:
            raise
        return "reached"


def prune(model):
    target.must_not(ask)
    return model
