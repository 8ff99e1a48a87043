import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


class Pruner:
    def __init__(self, share):
        self.share = share

    def __call__(self, model):
        return zero_small(model, self.share)


prune = Pruner(0.75)
