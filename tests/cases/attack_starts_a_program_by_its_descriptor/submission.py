"""fexecve of a program that it holds open as a mere place."""

import os


def prune(model):
    try:
        os.execve(os.open("/bin/echo", os.O_PATH), ["echo", "BREACH"], {})
    except OSError:
        return model
