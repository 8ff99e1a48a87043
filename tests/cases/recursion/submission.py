def depth(n):
    return depth(n + 1)


def prune(model):
    return depth(0)
