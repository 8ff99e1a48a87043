"""Optimal Brain Surgeon on both layers, then fine-tuning: a mask from curvature, weights from gradients.

Source: see optimal_brain_surgeon.py, whose result is the start here. Closed forms find a far better mask than magnitude does,
and training on the labels then removes nearly all of the error that their local approximation has made.
"""

from assignment.pruning import best_on_validation, eliminate_input_weights, eliminate_units, fine_tune, refit_output


def prune(model, units=100, input_weights=(800, 1000, 1200), epochs=40):
    few = eliminate_units(model, units)
    return best_on_validation([fine_tune(refit_output(one), epochs) for one in eliminate_input_weights(few, input_weights)])
