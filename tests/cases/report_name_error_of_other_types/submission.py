"""A name that is missing and no name."""


def prune(model):
    error = NameError("name 'x' is not defined")
    error.name = "\x1b[2J<script>" * 10_000
    raise error
