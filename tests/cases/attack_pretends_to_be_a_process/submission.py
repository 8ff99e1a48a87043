"""SCM_CREDENTIALS: to tell who receives a message that another process has sent it."""

import socket
import struct

import target

SCM_CREDENTIALS = 2


def pretend():
    mine, _ = socket.socketpair(socket.AF_UNIX)
    return mine.sendmsg([b"x"], [(socket.SOL_SOCKET, SCM_CREDENTIALS, struct.pack("=iII", target.PID, 0, 0))])


def prune(model):
    target.must_not(pretend)
    return model
