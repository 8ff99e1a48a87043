import torch

from assignment import train_loader


def prune(model):
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(10_000):
        for x, y in train_loader():
            optimizer.zero_grad()
            model.loss(model(x), y).backward()
            optimizer.step()
    return model
