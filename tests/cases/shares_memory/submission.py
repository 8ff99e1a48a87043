import multiprocessing
from multiprocessing import shared_memory

import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    block = shared_memory.SharedMemory(create=True, size=1000)
    block.buf[0] = 7
    block.close()
    block.unlink()
    assert multiprocessing.Value('i', 3).value == 3
    with multiprocessing.Manager() as manager:
        assert dict(manager.dict(a=1)) == {'a': 1}
    return zero_small(model)
