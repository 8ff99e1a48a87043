import torch
import torch.multiprocessing as mp


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def train(rank, weight):
    with torch.no_grad():
        weight[rank] = 0


def prune(model):
    weight = model.layers[0].weight.detach().clone().share_memory_()
    mp.spawn(train, args=(weight,), nprocs=2)
    assert not weight[:2].any()
    return zero_small(model)
