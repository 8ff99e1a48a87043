import torch
import torch.multiprocessing as mp

mp.set_start_method('spawn', force=True)


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    worker = mp.Process(target=abs, args=(-1,))
    worker.start()
    worker.join()
    assert worker.exitcode == 0
    return zero_small(model)
