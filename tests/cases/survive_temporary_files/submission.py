"""Files in the temporary folder that nobody removes."""

import os
import tempfile


def prune(model):
    folder = tempfile.mkdtemp()
    os.close(tempfile.mkstemp(dir=folder)[0])
    os.makedirs(os.path.join(os.environ["HOME"], ".cache", "torch"))
    os.makedirs(os.path.join(tempfile.gettempdir(), ".emptied-0", "x"))
    return model
