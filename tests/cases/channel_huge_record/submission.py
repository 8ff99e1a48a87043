"""Announce a record of 4 GiB."""

import os
import time


def prune(model):
    os.write(3, b"\xff" * 4)
    time.sleep(60)
