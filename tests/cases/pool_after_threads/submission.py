import multiprocessing

import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def work(seed):
    torch.manual_seed(seed)
    return (torch.randn(300, 300) @ torch.randn(300, 300)).isfinite().all().item()


def prune(model):
    torch.set_num_threads(2)
    assert work(0) and torch.randn(1_000_000).mul(2).isfinite().all()
    with multiprocessing.Pool(2) as pool:
        assert all(pool.map(work, [1, 2]))
    return zero_small(model)
