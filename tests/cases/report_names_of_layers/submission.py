"""A returned model whose further layers are named after markup."""

import torch


def prune(model):
    model.add_module("</td><script>alert(1)</script>\n::error::=1+1\x1b[2J", torch.nn.Linear(2, 2))
    return model
