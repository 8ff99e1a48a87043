"""Sockets that have names, holes, links, and files without any rights."""

import os
import socket


def prune(model):
    try:
        socket.socket(socket.AF_UNIX).bind("socket")
    except PermissionError:
        pass
    with open("hole", "wb") as file:
        file.truncate(1 << 20)
    os.link("hole", "other")
    os.close(os.open("secret", os.O_CREAT, 0))
    os.mkdir("sticky", 0o1777)
    return model
