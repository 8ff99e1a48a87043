"""Layer-wise magnitude pruning: the smallest |w| of each weight matrix, the same share of both; biases stay.

Source: the assignment's tutorial. S. Han, J. Pool, J. Tran, W. Dally, "Learning both Weights and Connections for
Efficient Neural Networks", 2015, prunes by a threshold for each layer.

Without repair it is worse than the global threshold: the same share of the 10,240 output weights hurts far more than of
the 131,072 input weights.
"""

from assignment.pruning import best_on_validation, prune_smallest, weight_matrices


def prune(model, sparsities=(0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)):
    return best_on_validation([pruned_by_layer(model, sparsity) for sparsity in sparsities])


def pruned_by_layer(model, sparsity):
    for name, weight in weight_matrices(model).items():
        model = prune_smallest(model, {name: weight.detach().abs()}, sparsity)
    return model
