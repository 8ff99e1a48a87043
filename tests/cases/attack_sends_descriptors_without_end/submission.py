"""Descriptors sent and never received count for all of a user, the grader too: with many of them it could send none itself."""

import array
import resource
import socket

import target

MANY, AT_ONCE = 2048, 253


def send():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    mine, other = socket.socketpair()
    batch = array.array("i", [mine.fileno()] * AT_ONCE)
    for _ in range(MANY // AT_ONCE + 1):
        mine.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, batch)])


def prune(model):
    target.must_not(send)
    return model
