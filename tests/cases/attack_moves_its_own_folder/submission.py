"""Move the folder that it was given, so that nobody finds it to remove it."""

import os

import target


def move():
    place = os.environ["HOME"]
    os.rename(place, f"{place}-moved")
    os.rename(f"{place}-moved", place)


def prune(model):
    target.must_not(move)
    return model
