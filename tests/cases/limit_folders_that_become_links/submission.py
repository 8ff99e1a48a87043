"""Folders and links that change places all the time: whoever adds up files must not end up in the machine's own."""

import ctypes
import os
import time


def prune(model):
    libc = ctypes.CDLL(None)
    os.mkdir("a")
    pairs = [(f"a/folder{number}".encode(), f"a/link{number}".encode()) for number in range(400)]
    for folder, link in pairs:
        os.mkdir(folder)
        os.symlink("/", link)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        for folder, link in pairs:
            libc.renameat2(-100, folder, -100, link, 2)
    return model
