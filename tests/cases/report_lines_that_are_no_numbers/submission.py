"""The failing line has the largest number that a line can have."""

import os


def prune(model):
    names = {}
    exec(compile("def f():\n    raise ValueError('placed')", os.path.abspath(__file__), "exec"), names)
    function = names["f"]
    function.__code__ = function.__code__.replace(co_firstlineno=2**31 - 10)
    function()
