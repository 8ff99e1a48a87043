"""Structured pruning with fine-tuning: the few most important hidden units stay, and are trained to do all the work.

Source: H. Li, A. Kadav, I. Durdanovic, H. Samet, H. P. Graf, "Pruning Filters for Efficient ConvNets", 2017: rank, remove,
retrain. A unit costs 128 + 1 + 10 parameters whatever it is for, so the best number is small: 25 to 40 units.
"""

from assignment.pruning import best_on_validation, fine_tune, keep_units, unit_importance


def prune(model, units=(25, 30, 35, 40), epochs=30):
    ranked = unit_importance(model).argsort(descending=True)
    return best_on_validation([fine_tune(keep_units(model, ranked[:count]), epochs, 2e-2) for count in units])
