"""Notes that are no list."""

import target


def prune(model):
    target.send({"claim": "raised", "notes": 5})
    return model
