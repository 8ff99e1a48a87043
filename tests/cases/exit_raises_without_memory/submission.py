"""A failure for lack of memory while all of it is held."""

kept = []


def prune(model):
    size = 64 << 20
    while size:
        try:
            kept.append(bytearray(size))
        except MemoryError:
            size //= 2
    raise MemoryError
