"""A UDP server of its own."""

import socket

import target


def prune(model):
    target.must_not(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind(("0.0.0.0", 0)))
    return model
