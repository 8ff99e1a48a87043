"""Five hundred files and as many folders."""

import os


def prune(model):
    for number in range(500):
        os.mkdir(f"d{number}")
        os.close(os.open(f"f{number}", os.O_CREAT))
    return model
