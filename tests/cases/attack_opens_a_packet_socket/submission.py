"""All packets of the host."""

import socket

import target


def prune(model):
    target.must_not(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close())
    return model
