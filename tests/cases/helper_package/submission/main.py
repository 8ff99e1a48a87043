def prune(model):
    from pruning.small import zero_small

    return zero_small(model)
