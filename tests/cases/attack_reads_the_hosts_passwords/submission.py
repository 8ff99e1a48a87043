"""/etc/shadow. That it can be opened is enough."""

import os

import target


def prune(model):
    target.must_not(lambda: os.close(os.open("/etc/shadow", os.O_RDONLY)))
    return model
