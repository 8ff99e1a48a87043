"""Three megabytes on one line, and a message of ten."""


def prune(model):
    print("x" * 3_000_000)
    raise ValueError("A" * 10_000_000)
