"""Knowledge distillation: a network of a few hidden units learns the big one's outputs, and takes its place.

Source: G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", 2015. The student starts from a fresh
initialisation, is trained on what the teacher says of the training inputs, and is then embedded in the big network:
its k units become the first k, and everything else is zero.
"""

from assignment.pruning import best_on_validation, fine_tune, keep_units, untrained


def prune(model, units=(20, 26, 32, 40), epochs=40):
    return best_on_validation([distilled(model, count, epochs) for count in units])


def distilled(teacher, count, epochs):
    student = untrained(teacher)
    student.layers[2].weight.data *= (student.layers[0].out_features / count) ** 0.5  # as an output layer of so few inputs
    return fine_tune(keep_units(student, range(count)), epochs, 2e-2, teacher=teacher)
