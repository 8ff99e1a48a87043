import torch
from torch.utils.data import DataLoader, SubsetRandomSampler

from assignment import train_loader


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    loader = DataLoader(
        train_loader().dataset, batch_size=256, sampler=SubsetRandomSampler(range(1024)),
        num_workers=2, persistent_workers=True, pin_memory=True, prefetch_factor=4,
    )
    assert sum(len(x) for _ in range(3) for x, _ in loader) == 3 * 1024
    return zero_small(model)
