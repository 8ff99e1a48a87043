"""The same names for namespaces as a process outside has: only who can read them there can tell."""

import os

import target

KINDS = ("mnt", "pid", "net", "ipc", "uts", "user")


def compare():
    mine, other = ([os.readlink(f"/proc/{pid}/ns/{kind}") for kind in KINDS] for pid in ("self", target.PID))
    return [one for one in mine if one in other][0]


def prune(model):
    target.must_not(compare)
    return model
