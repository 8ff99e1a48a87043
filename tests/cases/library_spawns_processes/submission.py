import numpy as np
import torch
from scipy.optimize import brute


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def square(x):
    return float(x[0] ** 2)


def prune(model):
    assert abs(brute(square, ((-1, 1),), Ns=5, finish=None, workers=2)) < 1e-9
    return zero_small(model)
