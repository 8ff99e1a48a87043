import multiprocessing

import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def double(x):
    return 2 * x


def prune(model):
    with multiprocessing.get_context('spawn').Pool(2) as pool:
        assert pool.map(double, [1, 2]) == [2, 4]
    return zero_small(model)
