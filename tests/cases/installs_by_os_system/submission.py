import os

import torch

os.system('pip install tqdm')


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    assert os.system('nvidia-smi') != 0
    return zero_small(model)
