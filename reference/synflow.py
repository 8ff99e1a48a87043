"""SynFlow: at initialisation and without any data, prune in many small steps so that no layer is ever cut off; then train.

Source: H. Tanaka, D. Kunin, D. Yamins, S. Ganguli, "Pruning neural networks without any data by iteratively conserving
synaptic flow", 2020. R is the sum of the outputs of the network with absolute weights and no nonlinearity for an input of
ones; the score of a weight is |w| * dR/d|w|, which for two layers is the sum of all paths through it. Pruning in 100
exponential steps, with scores taken anew, is what avoids layer collapse.
"""

import torch
from assignment.pruning import best_on_validation, fine_tune, prune_smallest, untrained, weight_matrices


def prune(model, sparsities=(0.95, 0.96, 0.97), epochs=30, steps=100):
    initial = untrained(model)
    return best_on_validation([fine_tune(synflow(initial, sparsity, steps), epochs, 2e-2) for sparsity in sparsities])


def synflow(model, sparsity, steps):
    for step in range(1, steps + 1):
        model = prune_smallest(model, synaptic_flow(model), 1 - (1 - sparsity) ** (step / steps))
    return model


def synaptic_flow(model):
    """|w| * dR/d|w| of each weight matrix."""
    absolute = {name: weight.detach().abs().requires_grad_() for name, weight in weight_matrices(model).items()}
    first, last = absolute.values()
    flow = (last @ first.sum(dim=1)).sum()
    gradients = torch.autograd.grad(flow, [first, last])
    return {name: (weight * gradient).detach() for (name, weight), gradient in zip(absolute.items(), gradients, strict=True)}
