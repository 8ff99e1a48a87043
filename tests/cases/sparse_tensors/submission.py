import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    state = zero_small(model).state_dict()
    return {name: value.to_sparse() for name, value in state.items()}
