"""One of a pair of datagram sockets may be used for other addresses too, and nobody asked ``socket`` for it."""

import errno
import socket

import target


def ask():
    try:
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b"?", target.SOCKET)
    except OSError as error:
        if error.errno != errno.EPROTOTYPE:
            raise
        return "reached"


def prune(model):
    target.must_not(ask)
    return model
