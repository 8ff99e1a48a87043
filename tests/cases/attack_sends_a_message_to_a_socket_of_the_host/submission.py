"""sendmsg instead of sendto: its address lies in memory, where no filter can read it."""

import errno
import socket

import target


def ask():
    try:
        return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendmsg([b"?"], [], 0, target.SOCKET)
    except OSError as error:
        if error.errno != errno.EPROTOTYPE:
            raise
        return "reached"


def prune(model):
    target.must_not(ask)
    return model
