import numpy as np
import torch
from sklearn.ensemble import RandomForestRegressor


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    x = np.random.rand(50, 3)
    RandomForestRegressor(4, n_jobs=2).fit(x, x[:, 0])
    return zero_small(model)
