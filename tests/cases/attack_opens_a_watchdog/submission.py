"""/dev/watchdog, which ends the machine when it is let go."""

import os

import target


def prune(model):
    target.must_not(lambda: os.close(os.open("/dev/watchdog", os.O_WRONLY)))
    return model
