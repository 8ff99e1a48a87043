"""Optimal Brain Surgeon on both layers, then fine-tuning: a mask from curvature, weights from gradients.

Source: see optimal_brain_surgeon.py, whose result is the start here. Closed forms find a far better mask than magnitude does,
and training on the labels then removes nearly all of the error that their local approximation has made.
"""

from assignment.pruning import eliminate_input_weights, eliminate_units, fine_tune, refit_output


def prune(model, units=100, input_weights=1200, epochs=40):
    (pruned,) = eliminate_input_weights(eliminate_units(model, units), (input_weights,))
    return fine_tune(refit_output(pruned), epochs)
