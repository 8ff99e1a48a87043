"""/dev/net/tun, a network interface of its own."""

import os

import target


def prune(model):
    target.must_not(lambda: os.close(os.open("/dev/net/tun", os.O_RDWR)))
    return model
