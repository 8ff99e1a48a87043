"""Signal 0, which only asks whether others could be sent."""

import os

import target


def prune(model):
    target.must_not(lambda: os.kill(target.KEEPER, 0))
    return model
