"""socketpair of another family: the kernel makes both sockets, and loads the family's module, before it finds them unfit."""

import socket

import target


def prune(model):
    target.must_not(lambda: target.reach(socket.socketpair, socket.AF_INET, socket.SOCK_STREAM))
    return model
