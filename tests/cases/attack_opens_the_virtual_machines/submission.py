"""/dev/kvm, a processor without a kernel."""

import os

import target


def prune(model):
    target.must_not(lambda: os.close(os.open("/dev/kvm", os.O_RDWR)))
    return model
