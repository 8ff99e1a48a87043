"""A daemon sends a result before prune returns another one: the first one counts."""

import os

import target


def prune(model):
    reading, writing = os.pipe()
    target.daemon(lambda: (target.send({"claim": "returned"}, bytes(569_384)), os.write(writing, b"x")))
    os.read(reading, 1)
    for parameter in model.parameters():
        parameter.data[parameter.abs() < parameter.abs().quantile(0.75)] = 0
    return model
