"""Every family but AF_UNIX: most load a module of the kernel's when they are first asked for."""

import socket

import target


def open_any():
    for family in range(2, 46):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, socket.SOCK_RAW):
            try:
                socket.socket(family, kind).close()
            except OSError:
                continue
            return family
    raise PermissionError


def prune(model):
    target.must_not(open_any)
    return model
