"""Tensors in shared memory by both of torch's strategies, where there is any, and a process that holds on to them."""

import os
import time

import torch


def prune(model):
    for strategy in ("file_descriptor", "file_system"):
        torch.multiprocessing.set_sharing_strategy(strategy)
        try:
            model.share_memory()
        except (RuntimeError, OSError):
            pass
    if os.fork() == 0:
        time.sleep(60)
    return model
