"""A TCP server of its own."""

import socket

import target


def prune(model):
    target.must_not(lambda: socket.create_server(("0.0.0.0", 0)).close())
    return model
