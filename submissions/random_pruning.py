import torch

torch.manual_seed(0)


def prune(model, p=0.9):
    for name, param in model.named_parameters():
        mask = torch.rand_like(param) > p
        param.data = param.data * mask
    return model
