import torch
from torch.utils.data import DataLoader, Dataset

from assignment import train_loader


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


class Squares(Dataset):
    def __init__(self):
        self.x, self.y = train_loader().dataset.tensors

    def __len__(self):
        return 1000

    def __getitem__(self, i):
        return self.x[i].numpy(), self.y[i].square()


def prune(model):
    assert len(list(DataLoader(Squares(), batch_size=500, num_workers=2, collate_fn=lambda rows: rows))) == 2
    return zero_small(model)
