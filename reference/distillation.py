"""Knowledge distillation: a network of a few hidden units learns the big one's outputs, and takes its place.

Source: G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", 2015. The student starts from a fresh
initialisation, is trained on what the teacher says of the training inputs, and is then embedded in the big network:
its k units become the first k, and everything else is zero.
"""

from assignment.pruning import best_on_validation, fine_tune, keep_units, untrained


def prune(model, units=(26, 32, 40, 50), epochs=40):
    return best_on_validation([distilled(model, count, epochs) for count in units])


def distilled(teacher, count, epochs):
    student = keep_units(untrained(teacher), range(count))
    return fine_tune(student, epochs, 3e-2, teacher=teacher)
