"""A file outside, named as the place of the failure: its lines must not be shown."""

import os

import target


def prune(model):
    place = os.path.join(os.getcwd(), os.path.relpath(target.HIDDEN))
    names = {}
    exec(compile("def f():\n    raise ValueError('placed')", place, "exec"), names)
    names["f"]()
