import torch.nn.utils.prune as prune


def solve(model):
    return model
