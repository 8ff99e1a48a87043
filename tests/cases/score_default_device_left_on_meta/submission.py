"""New tensors have no values from now on."""

import torch


def prune(model):
    torch.set_default_device("meta")
    torch.set_default_dtype(torch.float16)
    torch.use_deterministic_algorithms(True)
    return model
