"""What is printed goes where the result belongs."""

import os
import sys


def prune(model):
    os.dup2(3, 1)
    print("x" * 10)
    sys.stdout.flush()
    return model
