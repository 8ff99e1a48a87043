"""The records' form replaced by one that fails."""

import json


def prune(model):
    json.dumps = None
    return model
