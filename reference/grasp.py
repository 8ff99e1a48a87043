"""GraSP: at initialisation, keep the connections that preserve the flow of gradients; then train what is left.

Source: C. Wang, G. Zhang, R. Grosse, "Picking Winning Tickets Before Training by Preserving Gradient Flow", 2020. With the
gradient g and the Hessian H of the loss, removing weight w changes the squared norm of the gradient by about -2 w (Hg)_w. So
the weights with the largest w (Hg)_w stay, those whose removal would cost the most of it.

As with SNIP, one threshold serves both layers, and too high a sparsity cuts the first layer off.
"""

import torch
from assignment.pruning import best_on_validation, fine_tune, prune_smallest, training_loss, untrained, weight_matrices


def prune(model, sparsities=(0.82, 0.86, 0.9), epochs=20):
    initial = untrained(model)
    scores = preserved_gradient_flow(initial)
    return best_on_validation([fine_tune(prune_smallest(initial, scores, s), epochs, 2e-2) for s in sparsities])


def preserved_gradient_flow(model):
    """w * (H g) of each weight matrix; H g is the derivative of g . stop_gradient(g)."""
    weights = weight_matrices(model)
    gradients = torch.autograd.grad(training_loss(model), list(weights.values()), create_graph=True)
    flow = sum((gradient * gradient.detach()).sum() for gradient in gradients)
    products = torch.autograd.grad(flow, list(weights.values()))
    return {name: (weight * product).detach() for (name, weight), product in zip(weights.items(), products, strict=True)}
