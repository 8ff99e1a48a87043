"""A stream that never comes back from being flushed."""

import sys
import time


class Stream:
    def flush(self):
        time.sleep(60)

    def write(self, text):
        return len(text)


def prune(model):
    sys.stdout = Stream()
    return model
