"""A module whose members never end."""

import torch


class Endless(torch.nn.Module):
    def named_modules(self, *_, **__):
        while True:
            yield "x", self


def prune(model):
    import gc

    gc.disable()
    net = Endless()
    net.named_modules = lambda *_, **__: iter(lambda: ("x", net), None)
    return net
