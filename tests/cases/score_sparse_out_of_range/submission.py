"""A sparse tensor whose indices lie outside of it, made without being checked."""

import torch


def prune(model):
    indices = torch.tensor([[1 << 40], [-7]])
    broken = torch.sparse_coo_tensor(indices, torch.ones(1), (1024, 128), check_invariants=False)
    return {**model.state_dict(), "layers.0.weight": broken}
