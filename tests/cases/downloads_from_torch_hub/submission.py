import torch


def prune(model):
    return torch.hub.load('pytorch/vision', 'resnet18')
