"""Descriptors, each of which may stand for a full buffer of the kernel's."""

import socket
import time

import target


def hoard():
    kept = []
    try:
        while True:
            kept.append(socket.socketpair())
    except OSError:
        time.sleep(30)


def prune(model):
    for _ in range(20):
        target.fork(hoard)
    time.sleep(30)
