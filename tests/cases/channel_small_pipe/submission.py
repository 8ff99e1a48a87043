"""The result pipe made as small as it gets: the weights take more turns."""

import fcntl


def prune(model):
    fcntl.fcntl(3, fcntl.F_SETPIPE_SZ, 4096)
    return model
