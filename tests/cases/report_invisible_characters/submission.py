"""Characters that turn the direction of text, take no room, or break lines where nobody sees it."""

TEXT = "\u202e\u2066desrever\u2069 \u200b\u200c\u200d\ufeff\u2060 \u2028\u2029\x85 \u00ad \u061c \U000e0001\U000e0041"


def prune(model):
    print(TEXT * 20)
    raise ValueError(TEXT)
