import torch
from torch.optim.swa_utils import AveragedModel


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    averaged = AveragedModel(zero_small(model))
    averaged.update_parameters(model)
    return averaged
