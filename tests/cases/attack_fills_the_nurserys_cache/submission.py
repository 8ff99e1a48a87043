"""A file in the nursery's cache folder, from which each child is forked. Without a name here."""

import os
from pathlib import Path

import target


def plant():
    first = dict(entry.split(b"=", 1) for entry in Path("/proc/self/environ").read_bytes().split(b"\0") if entry)
    return os.open(first[b"MPLCONFIGDIR"], os.O_TMPFILE | os.O_WRONLY)


def prune(model):
    target.must_not(plant)
    return model
