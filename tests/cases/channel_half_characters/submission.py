"""Half of a surrogate pair, which no file can take."""

import target


def prune(model):
    target.send({"claim": "raised", "message": "\ud800", "notes": ["\udfff"], "traceback": "\udc80"})
    return model
