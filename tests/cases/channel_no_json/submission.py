"""A record that is no JSON."""

import time

import target


def prune(model):
    target.send(b"{]")
    time.sleep(60)
