"""Lottery ticket with rewinding: train, prune, set the survivors back to early weights, and train again.

Source: J. Frankle, M. Carbin, "The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks", 2019; rewinding to
an early epoch instead of to the initialisation: J. Frankle, G. K. Dziugaite, D. Roy, M. Carbin, "Linear Mode Connectivity and
the Lottery Ticket Hypothesis", 2020. The early weights are those of a fresh network after two epochs. Each round takes the
smallest weights of each matrix, the same share of both.
"""

import copy

import torch
from assignment.pruning import best_on_validation, fine_tune, prune_smallest, untrained, weight_matrices


def prune(model, rounds=(0.6, 0.8, 0.9, 0.94, 0.96, 0.97, 0.975), early_epochs=2, epochs=12, learning_rate=2e-2):
    early = fine_tune(untrained(model), early_epochs, learning_rate, weight_decay=0.1)
    trained = fine_tune(copy.deepcopy(early), epochs, learning_rate, weight_decay=0.1)
    tickets = []
    for sparsity in rounds:
        for name, weight in weight_matrices(trained).items():
            trained = prune_smallest(trained, {name: weight.detach().abs()}, sparsity)
        trained = fine_tune(rewound(trained, early), epochs, learning_rate)
        tickets.append(copy.deepcopy(trained))
    return best_on_validation(tickets)


def rewound(ticket, early):
    """The early weights, under the ticket's mask."""
    with torch.no_grad():
        for parameter, origin in zip(ticket.parameters(), early.parameters(), strict=True):
            parameter.copy_(origin * (parameter != 0))
    return ticket
