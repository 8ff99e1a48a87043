"""The disk as a device, below every permission. That it can be opened is enough."""

import glob
import os

import target

DISKS = [path for kind in ("vd?", "sd?", "nvme?n?", "xvd?") for path in glob.glob(f"/dev/{kind}")]


def prune(model):
    target.must_not(lambda: os.close(os.open(DISKS[0], os.O_RDONLY)))
    return model
