"""A returned object whose class is named after a verdict."""


class Graded:
    """points: 1.5"""


def prune(model):
    return Graded()
