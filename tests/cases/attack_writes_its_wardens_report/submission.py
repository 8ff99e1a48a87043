"""Open the warden's pipes by their places in /proc, to report on itself."""

import glob
import json
import os

import target


def write():
    for path in glob.glob(f"/proc/{os.getppid()}/fd/*"):
        os.write(os.open(path, os.O_WRONLY), json.dumps({"status": 0, "killed": None}).encode())
    os.listdir(f"/proc/{os.getppid()}/fd")


def prune(model):
    target.must_not(write)
    return model
