"""The submission's file made a folder while it runs."""

import os


def prune(model):
    os.rename("prune.py" if os.path.exists("prune.py") else "submission.py", "moved")
    os.mkdir("prune.py")
    return model
