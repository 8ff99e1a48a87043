"""A record that is JSON, but no object."""

import time

import target


def prune(model):
    target.send(b"[1]")
    time.sleep(60)
