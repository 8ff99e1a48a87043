"""System calls of another binary interface, and newer than any that is known."""

import target


def prune(model):
    target.libc.syscall(0x40000000 + 39)
    target.syscall(100_000)
