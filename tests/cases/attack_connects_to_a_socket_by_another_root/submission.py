"""The same server by way of the root of a process outside."""

import socket

import target


def ask():
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(f"/proc/{target.PID}/cwd/socket")
        return one.recv(64)


def prune(model):
    target.must_not(ask)
    return model
