def prune():
    return None
