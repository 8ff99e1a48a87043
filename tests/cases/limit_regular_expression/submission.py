"""A regular expression that backtracks for ever and never lets go of the interpreter."""

import re


def prune(model):
    re.match("(a+)+$", "a" * 60 + "b")
