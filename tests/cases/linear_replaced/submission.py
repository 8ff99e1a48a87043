import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    new = torch.nn.Linear(128, 1024)
    with torch.no_grad():
        new.weight.copy_(model.layers[0].weight)
        new.bias.copy_(model.layers[0].bias)
    model.layers[0] = new
    return zero_small(model)
