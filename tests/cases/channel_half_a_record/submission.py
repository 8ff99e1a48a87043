"""Announce a record of 100 bytes, send one, end."""

import os
import struct


def prune(model):
    os.write(3, struct.pack("<I", 100) + b"{")
    os._exit(0)
