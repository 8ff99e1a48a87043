import argparse

import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model

parser = argparse.ArgumentParser()
parser.add_argument("--share", type=float, default=0.75)
args = parser.parse_args()


def prune(model):
    return zero_small(model, args.share)
