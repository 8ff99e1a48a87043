"""/proc/self/map_files: the files behind its memory, whatever their paths are now."""

import os

import target


def prune(model):
    target.must_not(lambda: os.close(os.open(f"/proc/self/map_files/{os.listdir('/proc/self/map_files')[0]}", os.O_RDONLY)))
    return model
