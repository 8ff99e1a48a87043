"""Memory without end."""


def prune(model):
    kept = []
    while True:
        kept.append(bytearray(b"x") * (8 << 20))
