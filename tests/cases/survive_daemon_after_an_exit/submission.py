"""A daemon that outlives a process which has returned nothing."""

import os
import time

import target


def prune(model):
    target.daemon(lambda: time.sleep(60))
    os._exit(3)
