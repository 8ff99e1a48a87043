"""Bytes of the right length that are no finite numbers."""

import os

import target


def prune(model):
    target.send({"claim": "returned"}, b"\xff" * 569_384)
    os._exit(0)
