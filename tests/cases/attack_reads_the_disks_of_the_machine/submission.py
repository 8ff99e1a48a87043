"""The machine's disks and partitions."""

import target


def prune(model):
    target.must_not(lambda: open("/proc/partitions").read())
    return model
