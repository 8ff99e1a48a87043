"""dnotify: a signal whenever somebody reads in the hidden folder."""

import fcntl
import os

import target


def prune(model):
    target.must_not(lambda: fcntl.fcntl(os.open(target.FOLDER, os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_ACCESS))
    return model
