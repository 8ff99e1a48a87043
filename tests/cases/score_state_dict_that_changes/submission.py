"""A state_dict that gives zeros the second time it is asked."""

import torch


class Lazy(dict):
    def items(self):
        return {key: torch.zeros_like(value) for key, value in super().items()}.items()


def prune(model):
    return Lazy(model.state_dict())
