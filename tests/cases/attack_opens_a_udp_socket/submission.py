"""Ask a UDP server on loopback."""

import socket

import target


def ask():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(1)
        one.sendto(b"?", ("127.0.0.1", target.UDP))
        return one.recv(64)


def prune(model):
    target.must_not(ask)
    return model
