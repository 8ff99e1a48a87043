"""The formula behind characters that take no room or are cut away."""

import target


def prune(model):
    target.send({"claim": "raised", "message": "\u200b\t \r\n=cmd|' /C calc'!A0", "traceback": "=1+1", "notes": ["\t=1+1", "\uff1d1"]})
