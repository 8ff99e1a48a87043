"""A TCP server on loopback."""

import socket

import target


def ask():
    with socket.create_connection(("127.0.0.1", target.TCP), 1) as one:
        return one.recv(64)


def prune(model):
    target.must_not(ask)
    return model
