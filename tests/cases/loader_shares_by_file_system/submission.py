import torch
import torch.multiprocessing
from torch.utils.data import DataLoader

from assignment import train_loader

torch.multiprocessing.set_sharing_strategy('file_system')


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    assert len(list(DataLoader(train_loader().dataset, batch_size=4000, num_workers=2))) == 4
    return zero_small(model)
