import torch


def prune(model, sparsity=0.75):
    """Global magnitude pruning: one threshold for all weights and biases."""
    all_weights = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = torch.quantile(all_weights, sparsity)
    with torch.no_grad():
        for p in model.parameters():
            p[p.abs() <= threshold] = 0
    return model
