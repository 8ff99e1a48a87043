"""NUL, invalid UTF-8, characters that no standard knows and half ones."""

import os


def prune(model):
    os.write(1, bytes(range(256)) * 8 + b"\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\xef\xbf\xbe\xf0\x9f\x98")
    os.write(2, b"\xff\xfe" * 100 + b"\0" * 100)
    raise ValueError("\0\ufffe\uffff\U0010ffff\ufdd0" + b"\xff".decode("utf-8", "surrogateescape") + "\ud83d")
