"""AF_ALG: the filter refuses the family before the kernel looks for a module of it."""

import socket

import target


def prune(model):
    target.must_not(lambda: target.reach(socket.socket, socket.AF_ALG, socket.SOCK_SEQPACKET))
    return model
