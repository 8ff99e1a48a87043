import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model

from assignment import train_loader


def prune(model):
    x, y = next(iter(train_loader()))
    model.loss(model(x), y).backward()
    zero_small(model)
    state = {name: value * 1.0 for name, value in model.named_parameters()}  # non-leaf tensors
    return state
