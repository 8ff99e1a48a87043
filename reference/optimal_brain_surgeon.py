"""Optimal Brain Surgeon on both layers: remove what costs least when everything else is refitted, without any training.

Source: B. Hassibi, D. Stork, "Second Order Derivatives for Network Pruning: Optimal Brain Surgeon", 1993: removing weight w_p
from a quadratic with inverse Hessian C costs w_p^2 / (2 C_pp), and the best correction of the others is -w_p C_p / C_pp. Row
by row in closed form as in E. Frantar, D. Alistarh, "Optimal Brain Compression", 2022.

1. Hidden units: the outputs are linear in them, so least squares is exact. They are eliminated backwards to a few.
2. Input weights of the units that are left: each unit's Hessian is that of its pre-activation, every sample weighted by the
   squared slope of the sigmoid there.
3. The output layer is fitted once more.
"""

from assignment.pruning import best_on_validation, eliminate_input_weights, eliminate_units, refit_output


def prune(model, units=100, input_weights=(1200, 1500, 1800, 2100)):
    few = eliminate_units(model, units)
    return best_on_validation([refit_output(one) for one in eliminate_input_weights(few, input_weights)])
