def prune(model):
    while True:
        pass
