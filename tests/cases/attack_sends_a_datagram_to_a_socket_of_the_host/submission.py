"""sendto needs no connect. The server speaks in streams; to be told so is to have reached it."""

import errno
import socket

import target


def ask():
    try:
        return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"?", target.SOCKET)
    except OSError as error:
        if error.errno != errno.EPROTOTYPE:
            raise
        return "reached"


def prune(model):
    target.must_not(ask)
    return model
