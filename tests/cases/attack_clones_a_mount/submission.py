"""open_tree: a copy of the mount with the hidden file, which is mounted nowhere."""

import os

import target

AT_FDCWD, OPEN_TREE_CLONE = -100, 1


def read():
    tree = target.kernel("open_tree", AT_FDCWD, target.FOLDER.encode(), OPEN_TREE_CLONE)
    return os.read(os.open("hidden", os.O_RDONLY, dir_fd=tree), 64)


def prune(model):
    target.must_not(read)
    return model
