"""memfd_create: memory that stands in no figure of the process's."""

import os

import target


def prune(model):
    target.must_not(lambda: os.memfd_create("hoard"))
    return model
