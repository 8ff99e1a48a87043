"""A file larger than limits.file_bytes."""

import target


def write():
    with open("file", "wb") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))


def prune(model):
    target.must_not(write)
    return model
