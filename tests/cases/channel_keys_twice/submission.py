"""The same key twice, of which the last one counts: two claims are one claim, and worth nothing."""

import target


def prune(model):
    target.send(b'{"claim": "returned", "claim": "raised"}', bytes(569_384))
