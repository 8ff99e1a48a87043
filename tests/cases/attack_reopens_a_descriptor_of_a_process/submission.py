"""The hidden file as a process outside holds it open."""

import os

import target


def read():
    folder = f"/proc/{target.PID}/fd"
    return [open(f"{folder}/{fd}").read() for fd in os.listdir(folder) if target.HIDDEN in os.readlink(f"{folder}/{fd}")][0]


def prune(model):
    target.must_not(read)
    return model
