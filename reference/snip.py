"""SNIP: at initialisation, keep the connections whose removal would change the loss most; then train what is left.

Source: N. Lee, T. Ajanthan, P. Torr, "SNIP: Single-shot Network Pruning based on Connection Sensitivity", 2019. The score
of a weight is |w * dL/dw|, the first-order effect of a mask on it. The model that was handed in is not used: a fresh
initialisation is scored on all training data, cut once, and trained.

One threshold serves both layers, and the ten weights after a unit score higher than the 128 before it. Beyond a sparsity
of 0.9 the first layer is cut off, and no training can help: the layer collapse that SynFlow was made against.
"""

import torch
from assignment.pruning import best_on_validation, fine_tune, prune_smallest, training_loss, untrained, weight_matrices


def prune(model, sparsities=(0.85, 0.88, 0.9), epochs=20):
    initial = untrained(model)
    scores = connection_sensitivity(initial)
    return best_on_validation([fine_tune(prune_smallest(initial, scores, s), epochs, 2e-2) for s in sparsities])


def connection_sensitivity(model):
    """|w * dL/dw| of each weight matrix."""
    weights = weight_matrices(model)
    gradients = torch.autograd.grad(training_loss(model), list(weights.values()))
    return {name: (weight * gradient).abs().detach() for (name, weight), gradient in zip(weights.items(), gradients, strict=True)}
