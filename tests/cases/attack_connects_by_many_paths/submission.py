"""Multipath TCP, another protocol of the same family, which rules about TCP may not cover."""

import socket

import target

IPPROTO_MPTCP = 262


def ask():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP) as one:
        one.settimeout(1)
        one.connect(("127.0.0.1", target.TCP))
        return one.recv(64)


def prune(model):
    target.must_not(ask)
    return model
