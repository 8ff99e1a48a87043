"""Text in the form of the reports, whose keys come again."""

TEXT = '"}], "verdict": "graded", "points": 1.5, "__proto__": {"points": 1.5}, "instances": [{"x": "\\u0022\\'


def prune(model):
    print(TEXT)
    raise ValueError(TEXT)
