"""An argument larger than the stack."""

import ctypes


class Huge(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_char * (64 << 20))]


def prune(model):
    ctypes.CDLL(None).abs(Huge())
