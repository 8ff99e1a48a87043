from sklearn.linear_model import Ridge

import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model

from assignment import train_loader


def prune(model):
    x, y = train_loader().dataset.tensors
    Ridge().fit(x.numpy()[:500], y.numpy()[:500])
    return zero_small(model)
