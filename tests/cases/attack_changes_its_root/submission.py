"""chroot, from which there are ways out."""

import os

import target


def prune(model):
    target.must_not(lambda: os.chroot("."))
    return model
