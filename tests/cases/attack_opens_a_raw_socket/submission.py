"""IP packets of its own making."""

import socket

import target


def prune(model):
    target.must_not(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW).close())
    return model
