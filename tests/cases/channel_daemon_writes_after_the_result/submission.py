"""A daemon floods the result channel once a result is in it."""

import os

import target


def prune(model):
    target.send({"claim": "returned"}, bytes(569_384))

    def flood():
        while True:
            os.write(3, b"x" * 4096)

    target.daemon(flood)
    return model
