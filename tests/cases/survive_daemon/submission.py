"""A daemon that has left session, parent and signals behind outlives prune."""

import time

import target


def prune(model):
    target.daemon(lambda: time.sleep(60))
    return model
