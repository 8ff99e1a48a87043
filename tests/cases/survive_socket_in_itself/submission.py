"""Sockets in flight through each other, which only the kernel's own collector ever finds."""

import socket


def prune(model):
    for _ in range(20):
        one, other = socket.socketpair()
        socket.send_fds(one, [b"x"], [one.fileno(), other.fileno()])
        one.close()
        other.close()
    return model
