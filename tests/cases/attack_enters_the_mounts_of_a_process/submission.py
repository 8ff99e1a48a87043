"""setns into the file systems of a process outside."""

import os

import target


def enter():
    target.call("setns", os.open(f"/proc/{target.PID}/ns/mnt", os.O_RDONLY), 0)
    return open(target.HIDDEN).read()


def prune(model):
    target.must_not(enter)
    return model
