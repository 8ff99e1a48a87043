"""What a name lookup would carry away."""

import socket

import target


def prune(model):
    target.must_not(lambda: socket.getaddrinfo("secret.prunegrade.invalid", 80))
    return model
