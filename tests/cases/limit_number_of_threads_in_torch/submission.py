"""More threads for a product of matrices than there may be processes: the library gives up."""

import torch


def prune(model):
    torch.set_num_threads(1_000)
    torch.ones(2_000, 600) @ torch.ones(600, 600)
    return model
