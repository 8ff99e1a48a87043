"""dnotify on the libraries, which needs no right but to list them."""

import fcntl
import os
import signal

import target


def watch():
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    fcntl.fcntl(os.open(os.path.dirname(os.__file__), os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_ACCESS)


def prune(model):
    target.must_not(watch)
    return model
