"""The one part of /sys that it may read. Opened for writing, and nothing written."""

import os

import target


def prune(model):
    target.must_not(lambda: os.close(os.open("/sys/devices/system/cpu/cpu0/uevent", os.O_WRONLY)))
    return model
