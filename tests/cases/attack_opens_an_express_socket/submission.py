"""AF_XDP, packets past the kernel."""

import socket

import target

AF_XDP = 44


def prune(model):
    target.must_not(lambda: socket.socket(AF_XDP, socket.SOCK_RAW).close())
    return model
