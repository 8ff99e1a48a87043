"""Accents that pile up over other lines."""


def prune(model):
    print("Z" + "\u0335\u0321\u0489\u030d" * 200)
    raise ValueError("Z" + "\u0335\u0321\u0489\u030d" * 200)
