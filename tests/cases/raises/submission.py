def prune(model):
    raise ValueError('threshold must be positive')
