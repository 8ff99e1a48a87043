"""Activation-aware saliency: |w| times how much the weight's input varies, times how far that is heard in the outputs.

Source: M. Sun, Z. Liu, A. Bair, J. Z. Kolter, "A Simple and Effective Pruning Approach for Large Language Models" (Wanda),
2023, whose score is |w| times the norm of its input, compared within a row. Here the norm is the standard deviation over the
training data, since a constant can move into a bias. To let one threshold serve both layers, a first-layer weight's score is
carried on to the outputs: times the slope of its unit's sigmoid (root mean square), times the norm of its output weights.
The output bias is re-centred afterwards, which repairs the mean but nothing else.
"""

import torch
from assignment.pruning import best_on_validation, hidden_activations, prune_smallest, training_data


def prune(model, sparsities=(0.65, 0.7, 0.75, 0.8, 0.85, 0.9)):
    scores = saliency(model)
    return best_on_validation([recentred(prune_smallest(model, scores, sparsity)) for sparsity in sparsities])


def saliency(model):
    """By name of the weight matrix, about how far the outputs move (root mean square) when a weight is lost."""
    inputs, _ = training_data(model)
    hidden = hidden_activations(model, inputs)
    slope = (hidden * (1 - hidden)).square().mean(dim=0).sqrt()
    first, last = model.layers[0].weight.detach(), model.layers[2].weight.detach()
    return {
        "layers.0.weight": first.abs() * inputs.std(dim=0) * (slope * last.norm(dim=0)).unsqueeze(1),
        "layers.2.weight": last.abs() * hidden.std(dim=0),
    }


def recentred(model):
    """The output bias moved so that the mean error over the training data is zero."""
    inputs, targets = training_data(model)
    with torch.no_grad():
        model.layers[2].bias += (targets - model(inputs)).mean(dim=0)
    return model
