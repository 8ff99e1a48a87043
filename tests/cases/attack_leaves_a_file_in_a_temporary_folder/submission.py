"""A file for the next run in /var/tmp, where anybody may write. Without a name here."""

import os

import target


def prune(model):
    target.must_not(lambda: os.open("/var/tmp", os.O_TMPFILE | os.O_WRONLY))
    return model
