"""Linear bridge with selected inputs and added nonlinear units: what is linear goes over the bridge, the rest to units.

Source: the assignment's tutorial for the bridge (see linear_bridge.py). Inputs and units are eliminated backwards as in
optimal_brain_surgeon.py, after B. Hassibi, D. Stork, "Second Order Derivatives for Network Pruning: Optimal Brain Surgeon",
1993.

A least-squares fit of the targets takes the inputs and the model's own 1,024 hidden units as features. First all units are
left out, and inputs are eliminated while the validation score rises: the function looks at half of them. Then units come
back in, and are eliminated one by one, each time the one whose loss costs least when all coefficients are fitted anew,
until twenty to thirty are left. Inputs become near-linear sigmoids; units stay as they were trained.
"""

import copy

import torch
from assignment.pruning import best_on_validation, elimination_order, embed, hidden_activations, least_squares, training_data

EPS, GAMMA = 0.01, 0.25  # the bridge's input weight, and the sigmoid's slope at zero


def prune(model, input_counts=(48, 56, 64, 80, 96, 128), unit_counts=(12, 16, 20, 25, 30, 35)):
    inputs, targets = training_data(model)
    order = elimination_order(inputs, targets)
    inputs_left = {count: sorted(order[len(order) - count :]) for count in input_counts}
    bridges = {count: bridge(model, inputs_left[count], []) for count in input_counts}
    best = best_on_validation(bridges.values())
    chosen = next(inputs_left[count] for count, one in bridges.items() if one is best)

    features = torch.cat([inputs[:, chosen], hidden_activations(model, inputs)], dim=1)
    order = [column - len(chosen) for column in elimination_order(features, targets, protected=len(chosen))]
    return best_on_validation([bridge(model, chosen, order[len(order) - count :]) for count in unit_counts])


def bridge(model, inputs, units):
    """A copy of the model: a linear unit for each of ``inputs``, the hidden ``units``, and a least-squares output layer."""
    first = model.layers[0]
    with torch.no_grad():
        linear = first.weight.new_zeros(len(inputs), first.in_features)
        linear[range(len(inputs)), inputs] = EPS
        x, y = training_data(model)
        weight, bias = least_squares(torch.cat([x[:, inputs], hidden_activations(model, x)[:, units]], dim=1), y)
        over_bridge = weight[:, : len(inputs)] / (EPS * GAMMA)
        return embed(
            copy.deepcopy(model),
            torch.cat([linear, first.weight[units]]),
            torch.cat([first.bias.new_zeros(len(inputs)), first.bias[units]]),
            torch.cat([over_bridge, weight[:, len(inputs) :]], dim=1),
            bias - over_bridge.sum(dim=1) / 2,
        )
