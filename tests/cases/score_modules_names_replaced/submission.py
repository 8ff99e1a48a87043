"""Every module fails when it is asked for its members."""

import torch


def prune(model):
    def fail(*_, **__):
        raise RuntimeError("no members")

    torch.nn.Module.named_modules = torch.nn.Module.named_parameters = torch.nn.Module.state_dict = fail
    return model
