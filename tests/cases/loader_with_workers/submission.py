from assignment import train_loader
from torch.utils.data import DataLoader, random_split
import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    data = train_loader().dataset
    first, _ = random_split(data, [12000, len(data) - 12000])
    for x, y in DataLoader(first, batch_size=256, num_workers=2, shuffle=True):
        assert x.shape == (256, 128)
        break
    return zero_small(model)
