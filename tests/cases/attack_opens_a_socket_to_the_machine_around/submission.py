"""AF_VSOCK, which leads from a virtual machine to its host."""

import socket

import target


def prune(model):
    target.must_not(lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close())
    return model
