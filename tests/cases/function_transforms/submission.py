import torch
from torch.func import functional_call, grad, vmap

from assignment import train_loader


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    inputs, targets = next(iter(train_loader(8)))

    def loss(values, x, y):
        return torch.nn.functional.mse_loss(functional_call(model, values, (x[None],)), y[None])

    gradients = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, inputs, targets)
    assert gradients['layers.2.bias'].shape == (8, 10)
    return zero_small(model)
