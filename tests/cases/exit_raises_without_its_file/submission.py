"""The failing file is gone, and in its place is a folder."""

import os


def prune(model):
    os.unlink(__file__)
    os.mkdir(__file__)
    raise ValueError("gone")
