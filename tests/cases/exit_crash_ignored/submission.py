"""The crash itself can't be ignored."""

import ctypes
import signal


def prune(model):
    signal.signal(signal.SIGSEGV, signal.SIG_IGN)
    ctypes.string_at(0)
