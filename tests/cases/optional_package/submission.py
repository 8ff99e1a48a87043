import torch

try:
    import wandb
except ImportError:
    wandb = None


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    if wandb:
        wandb.init()
    return zero_small(model)
