class PruningError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def prune(model):
    raise PruningError
