"""What was returned counts, whatever becomes of the process."""

import os

import target


def prune(model):
    target.send({"claim": "returned"}, bytes(569_384))
    os.abort()
