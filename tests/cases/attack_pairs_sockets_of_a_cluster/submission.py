"""socketpair of AF_TIPC, sockets of a network by a call that a filter for ``socket`` does not see."""

import socket

import target


def prune(model):
    target.must_not(lambda: socket.socketpair(socket.AF_TIPC, socket.SOCK_SEQPACKET))
    return model
