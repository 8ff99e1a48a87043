"""A program that lies in no folder: of memory, or a file without a name."""

import os

import target

AT_EMPTY_PATH = 0x1000


def prune(model):
    try:
        try:
            program = os.memfd_create("program", 0)
        except OSError:
            program = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o700)
        os.write(program, b"#!/bin/echo BREACH\n")
        readable = os.open(f"/proc/self/fd/{program}", os.O_RDONLY)
        os.close(program)
        os.set_inheritable(readable, True)
        arguments = (target.ctypes.c_char_p * 2)(b"program", None)
        target.kernel("execveat", readable, b"", arguments, None, AT_EMPTY_PATH)
    except OSError:
        return model
