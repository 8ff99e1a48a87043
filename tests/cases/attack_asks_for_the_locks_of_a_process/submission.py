"""get_robust_list: an address in a process outside."""

import ctypes

import target


def ask():
    place, length = ctypes.c_void_p(), ctypes.c_size_t()
    target.kernel("get_robust_list", target.PID, ctypes.byref(place), ctypes.byref(length))
    return place.value


def prune(model):
    target.must_not(ask)
    return model
