"""The file that all runs on an instance share, by a descriptor of it: there is none, once it is mapped."""

import os

import target


def find():
    found = [number for number in range(5, 1024) if os.path.exists(f"/proc/self/fd/{number}")]
    return [number for number in found if "memfd:instance" in os.readlink(f"/proc/self/fd/{number}")][0]


def prune(model):
    target.must_not(find)
    return model
