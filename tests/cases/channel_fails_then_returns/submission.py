"""A failure and then a result: the first record is the run's."""

import target


def prune(model):
    target.send({"claim": "raised", "message": "first"})
    return model
