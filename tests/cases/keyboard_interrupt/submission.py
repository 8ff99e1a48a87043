def prune(model):
    raise KeyboardInterrupt
