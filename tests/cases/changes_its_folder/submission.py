import os
import shutil
from pathlib import Path

import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    os.makedirs('runs/first', exist_ok=True)
    os.chdir('runs/first')
    Path('log.txt').write_text('done')
    os.rename('log.txt', 'old.txt')
    os.remove('old.txt')
    os.chdir(Path(__file__).parent)
    shutil.rmtree('runs')
    Path.home().joinpath('.cache/mine').mkdir(parents=True)
    return zero_small(model)
