import torch
from tqdm import tqdm, trange
from tqdm.contrib.concurrent import process_map, thread_map


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    for _ in trange(3, desc='epochs'):
        tqdm.write('an epoch')
    assert thread_map(abs, [-1, -2]) == process_map(abs, [-1, -2], max_workers=2) == [1, 2]
    return zero_small(model)
