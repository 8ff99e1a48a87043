import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model

from torch.utils.data import DataLoader, random_split

from assignment import train_loader


def prune(model):
    dataset = train_loader().dataset
    first, _ = random_split(dataset, [1000, len(dataset) - 1000])
    for x, y in DataLoader(first, batch_size=100, shuffle=True):
        assert x.shape == (100, 128) and y.shape == (100, 10)
    return zero_small(model)
