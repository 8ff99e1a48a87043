"""An exception whose class is named after markup, commands and a built-in one."""

import builtins


def prune(model):
    kind = type("</td><script>\n::error::=1+1\x1b[2J", (ValueError,), {"__module__": "<b>", "__qualname__": "\u202e"})
    setattr(builtins, kind.__name__, kind)
    raise kind("x")
