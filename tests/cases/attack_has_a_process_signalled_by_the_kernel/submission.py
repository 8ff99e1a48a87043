"""F_SETOWN: the kernel itself stops a process outside as soon as a socket of its own can be read."""

import fcntl
import os
import signal
import socket
import time

import target


def stop():
    mine, other = socket.socketpair()
    fcntl.fcntl(mine, fcntl.F_SETOWN, target.PID)
    fcntl.fcntl(mine, fcntl.F_SETSIG, signal.SIGSTOP)
    fcntl.fcntl(mine, fcntl.F_SETFL, os.O_ASYNC)
    other.send(b"x")
    time.sleep(0.05)
    with open(f"/proc/{target.PID}/stat") as file:
        return file.read().index(") T ")


def prune(model):
    target.must_not(stop)
    return model
