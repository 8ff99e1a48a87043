"""The same server by an IPv6 socket with an IPv4 address in it."""

import socket

import target


def ask():
    with socket.socket(socket.AF_INET6) as one:
        one.settimeout(1)
        one.connect(("::ffff:127.0.0.1", target.TCP))
        return one.recv(64)


def prune(model):
    target.must_not(ask)
    return model
