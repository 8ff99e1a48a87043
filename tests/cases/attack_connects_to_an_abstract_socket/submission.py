"""A server that listens on a name that is in no folder."""

import socket

import target


def ask():
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(f"\0{target.ABSTRACT}")
        return one.recv(64)


def prune(model):
    target.must_not(ask)
    return model
