import torch

from assignment import train_loader


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    compiled = torch.compile(model)
    optimizer = torch.optim.SGD(compiled.parameters(), lr=1e-6)
    for inputs, targets in train_loader(4000):
        optimizer.zero_grad()
        model.loss(compiled(inputs), targets).backward()
        optimizer.step()
    return zero_small(compiled)
