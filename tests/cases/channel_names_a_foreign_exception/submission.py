"""The exception's class and the stage are taken from lists, not from the record."""

import target


def prune(model):
    target.send({"claim": "raised", "exception": "<script>", "stage": "unpack'; --", "line": 10**30, "message": "x"})
    return model
