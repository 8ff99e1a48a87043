"""A record of 10,000 keys, none of which is asked for."""

import target


def prune(model):
    target.send({f"key{i}": [] for i in range(30_000)} | {"claim": [[]]})
    return model
