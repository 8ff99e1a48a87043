"""Structured pruning: whole hidden units go, those that the outputs hear least of, and nothing is repaired.

Source: the assignment's tutorial. H. Li, A. Kadav, I. Durdanovic, H. Samet, H. P. Graf, "Pruning Filters for Efficient
ConvNets", 2017, ranks whole filters; here a unit's rank is the variance of its activation times the squared norm of its
output weights, and its mean activation moves into the output bias.
"""

from assignment.pruning import best_on_validation, keep_units, unit_importance


def prune(model, units=(100, 200, 300, 400, 500, 600)):
    ranked = unit_importance(model).argsort(descending=True)
    return best_on_validation([keep_units(model, ranked[:count]) for count in units])
