"""NaN and infinity, which Python's JSON knows, for lines and texts."""

import target


def prune(model):
    target.send(b'{"claim": "raised", "line": NaN, "message": Infinity, "notes": [-Infinity, NaN], "exception": NaN}')
    return model
