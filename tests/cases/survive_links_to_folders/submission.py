"""Links to folders outside, to themselves and to nowhere: who clears away must not follow them."""

import os

import target


def prune(model):
    os.symlink(target.FOLDER, "outside")
    os.symlink("/", "root")
    os.symlink("loop", "loop")
    os.symlink("x" * 4_000, "nowhere")
    os.makedirs("d/e")
    os.symlink("../..", "d/e/up")
    return model
