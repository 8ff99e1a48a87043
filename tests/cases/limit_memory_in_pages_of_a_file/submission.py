"""Pages of a file given to a pipe or socket and cut from the file: neither the disk nor a process has them any more."""

import os
import socket

import target


def prune(model):
    with open("file", "w+b") as file:
        file.write(bytes(4096))
        file.flush()
        target.must_not(lambda: os.sendfile(socket.socketpair()[0].fileno(), file.fileno(), 0, 1))
        target.must_not(lambda: os.splice(file.fileno(), os.pipe()[1], 1, offset_src=0))
    return model
