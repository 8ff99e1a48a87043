import torch

model = torch.nn.Linear(3, 4)
model(torch.zeros(5))


def prune(model):
    return model
