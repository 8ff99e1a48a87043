"""Numbers of threads asked for in the environment come too late."""

import os

import torch


def prune(model):
    os.environ.update(OMP_NUM_THREADS="999", MKL_NUM_THREADS="999", OPENBLAS_NUM_THREADS="999")
    torch.ones(600, 600) @ torch.ones(600, 600)
    return model
