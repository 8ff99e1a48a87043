"""Your submission: prune(model) sets as many of the model's parameters as possible to exactly zero and keeps its error low.

Try it with ``python check.py``, and hand in this file. README.md says what is given and what counts.
"""

import torch
from assignment import compute_error, get_sparsity, validation_loader


def prune(model):
    """Magnitude pruning, as a start: the half of all weights that is nearest to zero becomes zero."""
    weights = torch.cat([parameter.detach().abs().flatten() for parameter in model.parameters()])
    threshold = weights.kthvalue(len(weights) // 2).values
    with torch.no_grad():
        for parameter in model.parameters():
            parameter[parameter.abs() <= threshold] = 0
    print(f"sparsity {get_sparsity(model):.4f}, error {compute_error(model, validation_loader()):.2f}")
    return model
