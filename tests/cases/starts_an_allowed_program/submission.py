import subprocess
import sys

import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    assert subprocess.check_output([sys.executable, '-c', 'import numpy; print(6 * 7)'], text=True) == '42\n'
    assert subprocess.run('exit 3', shell=True).returncode == 3
    return zero_small(model)
