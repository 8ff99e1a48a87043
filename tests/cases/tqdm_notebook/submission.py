from tqdm.notebook import tqdm, trange

import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    for _ in tqdm(range(3), desc="rounds"):
        pass
    for _ in trange(2):
        zero_small(model)
    return model
