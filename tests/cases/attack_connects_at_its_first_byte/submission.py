"""TCP fast open: sendto instead of connect."""

import socket

import target

MSG_FASTOPEN = 0x20000000


def ask():
    with socket.socket(socket.AF_INET) as one:
        one.sendto(b"?", MSG_FASTOPEN, ("127.0.0.1", target.TCP))
        return one.recv(64)


def prune(model):
    target.must_not(ask)
    return model
