"""Global magnitude pruning: one threshold for |w| over all parameters, weights and biases together, and no repair.

Source: the assignment's tutorial. Magnitude as the criterion: S. Han, J. Pool, J. Tran, W. Dally, "Learning both Weights
and Connections for Efficient Neural Networks", 2015.

The output layer's weights are some ten times larger than the first layer's, because the targets are not normalised. A
single threshold therefore takes nearly everything from the first layer before it takes anything from the second.
"""

from assignment.pruning import best_on_validation, prune_smallest


def prune(model, sparsities=(0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)):
    magnitude = {name: parameter.detach().abs() for name, parameter in model.named_parameters()}
    return best_on_validation([prune_smallest(model, magnitude, sparsity) for sparsity in sparsities])
