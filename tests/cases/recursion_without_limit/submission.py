import sys

sys.setrecursionlimit(10**9)


def depth(values):
    return max(values, key=lambda value: depth([value]))  # through C, so that it takes stack and not heap


def prune(model):
    return depth([0])
