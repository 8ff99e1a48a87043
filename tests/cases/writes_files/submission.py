import os
import tempfile

import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    torch.save(model.state_dict(), "checkpoint.pt")
    model.load_state_dict(torch.load("checkpoint.pt"))
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "log.txt"), "w") as file:
            file.write("done")
    return zero_small(model)
