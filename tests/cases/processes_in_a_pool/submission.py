import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from joblib import Parallel, delayed
import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    with multiprocessing.Pool(2) as pool:
        assert pool.map(abs, [-1, -2]) == [1, 2]
    with ProcessPoolExecutor(2) as pool:
        assert list(pool.map(abs, [-1])) == [1]
    assert Parallel(n_jobs=2, prefer='threads')(delayed(abs)(i) for i in [-1]) == [1]
    torch.set_num_threads(8)
    return zero_small(model)
