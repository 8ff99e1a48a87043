"""A state_dict of a million entries."""

import torch


def prune(model):
    value = torch.zeros(1)
    return {**model.state_dict(), **{f"{number}.weight": value for number in range(1_000_000)}}
