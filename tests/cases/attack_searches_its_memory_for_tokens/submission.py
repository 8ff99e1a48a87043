"""All of its memory for what stood in the grader's environment, of which it knows the name."""

import ctypes
import re

import target


def search():
    token = re.compile(re.escape(target.VARIABLE.encode()) + b"=([ -~]+)")
    with open("/proc/self/maps") as maps:
        places = [line.split()[0] for line in maps if line.rstrip().endswith(("[heap]", "[stack]"))]
    for bounds in places:
        start, end = (int(bound, 16) for bound in bounds.split("-"))
        for found in token.finditer(ctypes.string_at(start, end - start)):
            if found[1].decode() == target.CANARY:
                return found[0]
    raise LookupError


def prune(model):
    target.must_not(search)
    return model
