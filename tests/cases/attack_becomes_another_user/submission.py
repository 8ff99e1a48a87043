"""Not root but somebody else, whose files those of other runs could be."""

import os

import target


def prune(model):
    target.must_not(lambda: os.setresuid(23456, 23456, 23456))
    return model
