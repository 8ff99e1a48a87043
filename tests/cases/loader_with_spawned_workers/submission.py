import torch
from torch.utils.data import DataLoader

from assignment import train_loader


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    loader = DataLoader(train_loader().dataset, batch_size=4000, num_workers=2, multiprocessing_context='spawn')
    assert len(list(loader)) == 4
    return zero_small(model)
