import sys


def prune(model):
    sys.exit(0)
