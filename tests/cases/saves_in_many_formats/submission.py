import pickle
import sqlite3
from pathlib import Path

import numpy as np
import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    weight = model.layers[2].weight.detach().numpy()
    np.save('weight.npy', weight)
    assert np.array_equal(np.load('weight.npy', mmap_mode='r'), weight)
    np.memmap('map', dtype='float32', mode='w+', shape=weight.shape)[:] = weight
    Path('model.pkl').write_bytes(pickle.dumps(model))
    model = pickle.loads(Path('model.pkl').read_bytes())
    with sqlite3.connect('runs.sqlite') as runs:
        runs.execute('create table runs (loss real)')
    torch.save(model, 'model.pt')
    return zero_small(torch.load('model.pt', weights_only=False))
