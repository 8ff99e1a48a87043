from concurrent.futures import ThreadPoolExecutor

import torch

from assignment import validation_loader


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


@torch.no_grad()
def loss(model):
    return sum(model.loss(model(x), y).item() for x, y in validation_loader(2000))


def prune(model):
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(loss, [model] * 4))) == 1
    return zero_small(model)
