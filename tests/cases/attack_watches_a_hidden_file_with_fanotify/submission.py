"""fanotify in its form for ordinary users: be told whenever the hidden file is read."""

import ctypes

import target

AT_FDCWD, FAN_REPORT_FID, FAN_MARK_ADD, FAN_OPEN = -100, 0x200, 1, 0x20


def watch():
    fd = target.call("fanotify_init", FAN_REPORT_FID, 0)
    target.call("fanotify_mark", fd, FAN_MARK_ADD, ctypes.c_uint64(FAN_OPEN), AT_FDCWD, target.HIDDEN.encode())


def prune(model):
    target.must_not(watch)
    return model
