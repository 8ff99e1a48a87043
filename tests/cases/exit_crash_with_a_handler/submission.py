"""A handler for SIGSEGV that lets the process go on where it was: it crashes again, without end."""

import ctypes
import signal


def prune(model):
    signal.signal(signal.SIGSEGV, lambda *_: None)
    ctypes.string_at(0)
