"""Iterative magnitude pruning with LAMP scores: prune a little, train, and again, with sparsity rising round by round.

Source: J. Lee, S. Park, S. Mo, S. Ahn, J. Shin, "Layer-adaptive Sparsity for the Magnitude-based Pruning", 2021. The score of
a weight is its square over the sum of the squares of its layer that are not smaller. That is magnitude within a layer,
and between layers it is what the layer would lose: no layer can be emptied, which is what one global threshold does here.
"""

import copy

import torch
from assignment.pruning import best_on_validation, fine_tune, prune_smallest, weight_matrices


def prune(model, rounds=(0.6, 0.8, 0.9, 0.94, 0.96, 0.97, 0.98), epochs=4, final_epochs=10):
    candidates = []
    for sparsity in rounds:
        model = prune_smallest(model, lamp_scores(model), sparsity)
        model = fine_tune(model, final_epochs if sparsity >= 0.94 else epochs)
        candidates.append(copy.deepcopy(model))
    return best_on_validation(candidates)


def lamp_scores(model):
    scores = {}
    for name, weight in weight_matrices(model).items():
        squares = weight.detach().square()
        descending, order = squares.flatten().sort(descending=True)
        flat = torch.empty_like(descending)
        flat[order] = descending / descending.cumsum(0).clamp_min(1e-30)
        scores[name] = flat.view_as(squares)
    return scores
