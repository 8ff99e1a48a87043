"""sys.exit with an object that can't be shown."""

import sys


class Code:
    def __repr__(self):
        raise ValueError


def prune(model):
    sys.exit(Code())
