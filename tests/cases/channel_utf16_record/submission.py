"""A record in UTF-16, which Python's json reads as well: it is a claim like any other."""

import json

import target


def prune(model):
    target.send(json.dumps({"claim": "raised", "message": "x"}).encode("utf-16"))
