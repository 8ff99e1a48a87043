"""Make a socket in the hidden folder, for the grader to talk to."""

import os
import socket

import target


def listen():
    path = f"{target.FOLDER}/own"
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path)
        os.unlink(path)


def prune(model):
    target.must_not(listen)
    return model
