"""A syntax error whose line is none and whose text is a list."""

import os


def prune(model):
    error = SyntaxError("x")
    error.filename, error.lineno, error.offset, error.text, error.msg = os.path.abspath(__file__), float("nan"), {}, [1], b"x"
    raise error
