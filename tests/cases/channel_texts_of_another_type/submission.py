"""A message, a traceback and a line that are neither text nor number."""

import target


def prune(model):
    target.send({"claim": "raised", "message": [[1]], "traceback": 1e999, "line": True, "stage": {}, "exception": ["x"]})
    return model
