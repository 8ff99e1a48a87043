"""The kernel's own protocol: routes, firewalls, devices."""

import socket

import target


def prune(model):
    target.must_not(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close())
    return model
