"""ioctl on a Unix socket answers for the whole network: here by the name of an interface that is not loopback."""

import fcntl
import socket
import struct

import target

SIOCGIFNAME = 0x8910


def ask():
    for index in range(2, 200):
        try:
            return fcntl.ioctl(socket.socket(socket.AF_UNIX), SIOCGIFNAME, struct.pack("=16sI20s", b"", index, b""))[:16]
        except OSError:
            continue
    raise LookupError


def prune(model):
    target.must_not(ask)
    return model
