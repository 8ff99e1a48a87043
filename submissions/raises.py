import torch


def prune(model, amount=0.8):
    # worked on the tutorial's convolutional network
    for layer in model.features:
        k = int(amount * layer.weight.numel())
        threshold = torch.kthvalue(layer.weight.abs().flatten(), k).values
        layer.weight.data[layer.weight.abs() < threshold] = 0
    return model
