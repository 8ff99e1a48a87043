"""A hundred thousand lines, in the message too."""


def prune(model):
    print("\n" * 100_000)
    raise ValueError("\n" * 100_000 + "x\n" * 100_000)
