import torch
import torch.multiprocessing as mp


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def train(model, layer):
    with torch.no_grad():
        model.layers[layer].bias.zero_()


def prune(model):
    model.share_memory()
    workers = [mp.Process(target=train, args=(model, layer)) for layer in (0, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not model.layers[0].bias.any() and not model.layers[2].bias.any()
    return zero_small(model)
