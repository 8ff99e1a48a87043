import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model

from assignment import *


def prune(model):
    for x, y in data_loader:
        model.loss(model(x.to(device)), y.to(device))
        break
    zero_small(model)
    print(get_sparsity(model), compute_error(model, validation_loader()), points(score(90, 0.75)))
    assert isinstance(model, MLP)
    return model
