"""A server that listens on a path, like Docker's."""

import socket

import target


def ask():
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(target.SOCKET)
        return one.recv(64)


def prune(model):
    target.must_not(ask)
    return model
