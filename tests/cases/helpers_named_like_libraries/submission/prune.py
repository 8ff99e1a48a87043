import torch
from sklearn.linear_model import Ridge


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    Ridge().fit([[0.0], [1.0]], [0.0, 1.0])
    return zero_small(model)
