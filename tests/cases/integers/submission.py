import torch


def prune(model):
    return {name: value.to(torch.int8) for name, value in model.state_dict().items()}
