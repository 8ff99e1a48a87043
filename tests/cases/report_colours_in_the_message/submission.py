"""The same in the exception."""


def prune(model):
    raise ValueError("\x1b[2J\x1b]0;title\x07\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\ \x9b31m\x1b[8m")
