"""A file among the installed packages, where a .pth or a sitecustomize would run in every interpreter. Without a name here."""

import os
import sysconfig

import target


def prune(model):
    target.must_not(lambda: os.close(os.open(sysconfig.get_path("purelib"), os.O_TMPFILE | os.O_WRONLY)))
    return model
