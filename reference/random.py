"""Random pruning: each parameter is zeroed with probability p. The control that any method has to beat.

Source: the assignment's tutorial. As a baseline in the literature: T. Gale, E. Elsen, S. Hooker, "The State of Sparsity
in Deep Neural Networks", 2019.

What is left is not scaled up, so a hidden unit loses the share p of its input and the output the share p of its sum: even
at p = 0.2 the error is a quarter of the targets' variance, and the little that such sparsity is worth goes with it.
"""

import copy

import torch
from assignment.pruning import best_on_validation


def prune(model, probabilities=(0.2, 0.4, 0.6, 0.8, 0.9, 0.95)):
    return best_on_validation([randomly_pruned(model, p) for p in probabilities])


def randomly_pruned(model, probability):
    pruned = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in pruned.parameters():
            parameter.mul_(torch.rand_like(parameter) >= probability)
    return pruned
