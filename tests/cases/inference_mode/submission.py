import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


@torch.inference_mode()
def prune(model):
    zero_small(model)
    for i in (0, 2):
        model.layers[i].weight = torch.nn.Parameter(model.layers[i].weight * 1, requires_grad=False)
    return model
