from .threshold import THRESHOLD
import torch


def zero_small(model, share=THRESHOLD):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model
