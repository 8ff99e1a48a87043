"""Errors of the system whose numbers and names are neither."""


def prune(model):
    error = PermissionError(13, "x", ["name"], None, {})
    error.errno, error.filename, error.strerror = float("nan"), object(), b"\xff"
    raise error
