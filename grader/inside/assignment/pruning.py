"""Pieces that pruning methods share: choosing weights and units, fine-tuning, refitting. ``from assignment.pruning import ...``

One convention carries all of them: **a weight is pruned when it is exactly zero, and stays so**. A mask is therefore never
kept beside a model; it is where the model's parameters are not zero. Errors are in squared target units, as in compute_error.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import torch
from torch import nn

from . import MLP, compute_error, get_sparsity, score, train_loader, validation_loader

__all__ = [
    "best_on_validation",
    "eliminate_input_weights",
    "eliminate_units",
    "elimination_order",
    "embed",
    "fine_tune",
    "hidden_activations",
    "keep_units",
    "least_squares",
    "prune_smallest",
    "refit_output",
    "training_data",
    "training_loss",
    "unit_importance",
    "untrained",
    "weight_matrices",
]


def training_data(model: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """The whole training split, where the model is: inputs (n, 128) and targets (n, 10)."""
    device = next(model.parameters()).device
    inputs, targets = train_loader().dataset.tensors
    return inputs.flatten(1).to(device), targets.to(device)


def training_loss(model: nn.Module) -> torch.Tensor:
    """Mean squared error over the whole training split, ready to be differentiated: ()."""
    inputs, targets = training_data(model)
    return nn.functional.mse_loss(model(inputs), targets)


def weight_matrices(model: nn.Module) -> dict[str, torch.Tensor]:
    """The two weight matrices by name, "layers.0.weight" (1024, 128) and "layers.2.weight" (10, 1024); no copies."""
    return {name: parameter for name, parameter in model.named_parameters() if name.endswith("weight")}


def untrained(model: nn.Module) -> nn.Module:
    """A new network, where the model is, with PyTorch's random initialisation.

    Its output layer is in units of the targets: times their spread, plus their mean. Otherwise the first gradients would
    hardly tell more than that the mean is missing.
    """
    _, targets = training_data(model)
    fresh = MLP().to(targets.device)
    spread, (_, last) = _spread(targets), _linear_layers(fresh)
    with torch.no_grad():
        last.weight.mul_(spread)
        last.bias.mul_(spread).add_(targets.mean(dim=0))
    return fresh


@torch.no_grad()
def hidden_activations(model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Sigmoids of all hidden units for inputs (n, 128): (n, hidden units)."""
    first, _ = _linear_layers(model)
    return torch.sigmoid(first(inputs))


# --- choosing what to prune -------------------------------------------------------------------------------------------


@torch.no_grad()
def prune_smallest(model: nn.Module, scores: Mapping[str, torch.Tensor], sparsity: float) -> nn.Module:
    """A copy of the model in which the share ``sparsity`` of the scored weights is zero: those with the lowest scores.

    ``scores`` has a tensor for each parameter that may be pruned, by its name and in its shape; others stay as they are.
    Raises KeyError where the model has no parameter of that name.
    """
    pruned = copy.deepcopy(model)
    parameters = dict(pruned.named_parameters())
    flat = torch.cat([values.flatten() for values in scores.values()])
    keep = torch.zeros_like(flat)
    keep[flat.topk(round((1.0 - sparsity) * len(flat))).indices] = 1.0
    for name, part in zip(scores, torch.split(keep, [values.numel() for values in scores.values()]), strict=True):
        parameters[name].mul_(part.view_as(parameters[name]))
    return pruned


@torch.no_grad()
def unit_importance(model: nn.Module) -> torch.Tensor:
    """Of each hidden unit, the variance of its activation times the squared norm of its output weights: (hidden units,)."""
    inputs, _ = training_data(model)
    _, last = _linear_layers(model)
    return hidden_activations(model, inputs).var(dim=0) * last.weight.square().sum(dim=0)


def best_on_validation(candidates: Iterable[nn.Module]) -> nn.Module:
    """The candidate with the highest score on the validation split; the earliest of equals. ValueError if there is none."""
    loader = validation_loader(1024)
    return max(candidates, key=lambda model: float(score(compute_error(model, loader), get_sparsity(model))))


# --- hidden units -----------------------------------------------------------------------------------------------------


@torch.no_grad()
def embed(model: nn.Module, w1: torch.Tensor, b1: torch.Tensor, w2: torch.Tensor, b2: torch.Tensor) -> nn.Module:
    """Write a smaller network of k hidden units into the model's first k units, in place, and zero all others.

    ``w1`` (k, 128), ``b1`` (k,), ``w2`` (10, k), ``b2`` (10,), as torch.nn.Linear has them; k is at most 1024.
    """
    (first, last), units = _linear_layers(model), len(w1)
    for parameter in model.parameters():
        parameter.zero_()
    first.weight[:units], first.bias[:units] = w1, b1
    last.weight[:, :units] = w2
    last.bias.copy_(b2)
    return model


@torch.no_grad()
def keep_units(model: nn.Module, units: Sequence[int] | torch.Tensor) -> nn.Module:
    """A copy of the model with these hidden units alone, as its first ones; the others' mean goes into the output bias."""
    inputs, _ = training_data(model)
    first, last = _linear_layers(model)
    kept = torch.as_tensor(units, device=first.weight.device)
    mean = hidden_activations(model, inputs).mean(dim=0)
    mean[kept] = 0.0
    bias = last.bias + last.weight @ mean
    return embed(copy.deepcopy(model), first.weight[kept], first.bias[kept], last.weight[:, kept], bias)


@torch.no_grad()
def _fold_constants(model: nn.Module) -> None:
    """Zero, in place, every parameter that a hidden unit no longer needs; the function stays the same.

    A unit without input weights is a constant, sigmoid(bias): it moves into the output bias. A unit without output weights
    does nothing.
    """
    first, last = _linear_layers(model)
    constant = (first.weight == 0).all(dim=1)
    last.bias.add_(last.weight[:, constant] @ torch.sigmoid(first.bias[constant]))
    last.weight[:, constant] = 0.0
    idle = (last.weight == 0).all(dim=0)
    first.weight[idle] = 0.0
    first.bias[idle] = 0.0


def _living_units(model: nn.Module) -> torch.Tensor:
    """Indices of the hidden units that have output weights."""
    _, last = _linear_layers(model)
    return (last.weight != 0).any(dim=0).nonzero().flatten()


# --- gradient descent -------------------------------------------------------------------------------------------------


def fine_tune(
    model: nn.Module,
    epochs: int,
    learning_rate: float = 1e-2,
    *,
    batch_size: int = 256,
    weight_decay: float = 0.0,
    teacher: nn.Module | None = None,
) -> nn.Module:
    """Train the weights that are not zero, in place, on the training split or on what ``teacher`` makes of its inputs.

    Adam with a linear warm-up over the first 5 % of the steps and a cosine down to zero. The output layer is trained in
    units of the targets' spread, so that one learning rate suits both layers. Pruned units cost no time: only those
    with output weights are computed. ``weight_decay`` is decoupled (Loshchilov and Hutter, 2019) and spares the biases.
    """
    inputs, targets = training_data(model)
    if teacher is not None:
        with torch.no_grad():
            targets = teacher(inputs)
    _fold_constants(model)
    (first, last), units, spread = _linear_layers(model), _living_units(model), _spread(targets)
    with torch.no_grad():
        start = [first.weight[units], first.bias[units], last.weight[:, units] / spread, last.bias / spread]
    w1, b1, w2, b2 = parameters = [values.clone().requires_grad_() for values in start]
    masks = [(values != 0).to(values.dtype) for values in start]
    optimizer = torch.optim.AdamW(
        [{"params": [w1, w2], "weight_decay": weight_decay}, {"params": [b1, b2], "weight_decay": 0.0}],
        lr=learning_rate,
        betas=(0.9, 0.99),
        fused=True,
    )
    steps = epochs * math.ceil(len(inputs) / batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _relative_rate(step, steps))
    order = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(inputs), generator=order).to(inputs.device), batch_size):
            outputs = nn.functional.linear(torch.sigmoid(nn.functional.linear(inputs[rows], w1, b1)), w2, b2)
            loss = nn.functional.mse_loss(outputs, targets[rows] / spread)
            for parameter, mask, gradient in zip(parameters, masks, torch.autograd.grad(loss, parameters), strict=True):
                parameter.grad = gradient * mask  # a weight at zero without a gradient stays there
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        first.weight[units], first.bias[units] = w1, b1
        last.weight[:, units] = w2 * spread
        last.bias.copy_(b2 * spread)
    return model


def _relative_rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / (0.05 * steps)) * 0.5 * (1.0 + math.cos(math.pi * step / steps))


# --- least squares and Optimal Brain Surgeon --------------------------------------------------------------------------


@torch.no_grad()
def least_squares(features: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights (outputs, k) and biases (outputs,) that fit targets (n, outputs) to features (n, k) best.

    By normal equations in float64, very slightly damped; the result has the targets' precision.
    """
    inverse, products, feature_mean, target_mean = _normal_equations(features, targets)
    weight = (inverse @ products).T
    return weight.to(targets.dtype), (target_mean - weight @ feature_mean).to(targets.dtype)


@torch.no_grad()
def refit_output(model: nn.Module) -> nn.Module:
    """Replace, in place, the output layer by the least-squares fit of the training targets to the living hidden units.

    A unit lives if it has an output weight; it may then reach every output.
    """
    inputs, targets = training_data(model)
    units, (_, last) = _living_units(model), _linear_layers(model)
    weight, bias = least_squares(hidden_activations(model, inputs)[:, units], targets)
    last.weight[:, units] = weight
    last.bias.copy_(bias)
    return model


@torch.no_grad()
def elimination_order(features: torch.Tensor, targets: torch.Tensor, *, protected: int = 0) -> list[int]:
    """Columns of ``features`` (n, k) in the order in which a least-squares fit of ``targets`` can best do without them.

    Each step removes the column whose loss raises the squared error least while all other coefficients are refitted: with the
    inverse C of the normal equations and coefficients w, that is w_p^2 / C_pp (Optimal Brain Surgeon, Hassibi and
    Stork, 1993, exact here because the fit is linear). The first ``protected`` columns are never removed, nor listed.
    """
    inverse, products, _, _ = _normal_equations(features, targets)
    weight = inverse @ products
    columns, order = list(range(len(inverse))), []
    for last in range(len(inverse) - 1, protected - 1, -1):
        costs = weight[protected : last + 1].square().sum(dim=1) / inverse.diagonal()[protected : last + 1]
        worst = protected + int(costs.argmin())
        order.append(columns[worst])
        # It trades places with the last column, so that what is left stays one block and is updated in place.
        columns[worst] = columns[last]
        swap, swapped = [worst, last], [last, worst]
        weight[swap], inverse[swap] = weight[swapped], inverse[swapped]
        inverse[:, swap] = inverse[:, swapped]
        column = inverse[:last, last] / inverse[last, last]
        weight[:last].addr_(column, weight[last], alpha=-1)
        inverse[:last, :last].addr_(column, inverse[last, :last], alpha=-1)
    return order


def _normal_equations(features: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Inverse of the damped Gram matrix of the centred features, their products with the targets, and both means."""
    feature_mean, target_mean = features.double().mean(dim=0), targets.double().mean(dim=0)
    centred = features.double() - feature_mean
    gram = centred.T @ centred
    gram.diagonal().add_(1e-8 * gram.diagonal().mean())
    return _inverse(gram), centred.T @ (targets.double() - target_mean), feature_mean, target_mean


def _inverse(positive_definite: torch.Tensor) -> torch.Tensor:
    return torch.cholesky_inverse(torch.linalg.cholesky(positive_definite))


@torch.no_grad()
def eliminate_units(model: nn.Module, count: int) -> nn.Module:
    """A copy of the model with ``count`` hidden units, chosen by backward elimination, and a refitted output layer."""
    inputs, targets = training_data(model)
    order = elimination_order(hidden_activations(model, inputs), targets)
    return refit_output(keep_units(model, sorted(order[len(order) - count :])))


@torch.no_grad()
def eliminate_input_weights(model: nn.Module, counts: Sequence[int]) -> list[nn.Module]:
    """Copies of the model in which its living units keep ``counts`` input weights in all; outputs are not refitted.

    Optimal Brain Surgeon on each unit's own row, in closed form (Optimal Brain Compression, Frantar and Alistarh, 2022). The
    Hessian is that of the unit's pre-activation: the inputs' second moments, each sample weighted by the squared slope of
    the sigmoid there, times the squared norm of the unit's output weights. Biases stay, and take part in the corrections.
    """
    units = _living_units(model)
    costs, rows = _row_eliminations(model, units)
    ranks = costs.flatten().argsort().argsort().view_as(costs)  # over all units: which weight goes when
    pruned = []
    for count in counts:
        removed = (ranks < ranks.numel() - count).sum(dim=0)
        chosen = rows[removed, torch.arange(len(units), device=units.device)]
        one = copy.deepcopy(model)
        first, _ = _linear_layers(one)
        first.weight[units], first.bias[units] = chosen[:, :-1].to(first.weight.dtype), chosen[:, -1].to(first.bias.dtype)
        pruned.append(one)
    return pruned


def _row_eliminations(model: nn.Module, units: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eliminate all input weights of all units, in every step each unit's cheapest.

    Returns the cost of each step, made never to fall, (inputs, units); and the rows, weights and then the bias, before each
    step and after the last, (inputs + 1, units, inputs + 1).
    """
    inputs, _ = training_data(model)
    (first, last), size = _linear_layers(model), inputs.shape[1]
    activations = hidden_activations(model, inputs)[:, units]
    curvatures = (activations * (1.0 - activations)).square() * last.weight[:, units].square().sum(dim=0)
    design = torch.cat([inputs, torch.ones_like(inputs[:, :1])], dim=1)
    hessians = torch.stack([(design * curvature.unsqueeze(1)).T @ design for curvature in curvatures.T]).double()
    diagonals = hessians.diagonal(dim1=1, dim2=2)
    diagonals.add_(1e-5 * diagonals.mean(dim=1, keepdim=True))  # an input may be zero throughout
    inverses = _inverse(hessians)
    rows = torch.cat([first.weight[units], first.bias[units].unsqueeze(1)], dim=1).double()
    gone = torch.zeros_like(rows, dtype=torch.bool)
    every, costs, history = torch.arange(len(units), device=units.device), [], [rows.clone()]
    for _ in range(size):
        cost = (rows.square() / inverses.diagonal(dim1=1, dim2=2)).masked_fill(gone, math.inf)
        cheapest, at = cost[:, :size].min(dim=1)
        column = inverses[every, :, at] / inverses[every, at, at].unsqueeze(1)
        rows = rows - rows[every, at].unsqueeze(1) * column
        inverses.baddbmm_(column.unsqueeze(2), inverses[every, at].unsqueeze(1), alpha=-1)
        gone[every, at] = True
        rows[gone] = 0.0
        costs.append(cheapest)
        history.append(rows.clone())
    return torch.stack(costs).cummax(dim=0).values, torch.stack(history)


def _spread(targets: torch.Tensor) -> torch.Tensor:
    """Mean standard deviation of the outputs: ()."""
    return targets.std(dim=0).mean()


def _linear_layers(model: nn.Module) -> tuple[nn.Linear, nn.Linear]:
    """The first layer, Linear(128, 1024), and the last, Linear(1024, 10)."""
    return cast("nn.Linear", model.get_submodule("layers.0")), cast("nn.Linear", model.get_submodule("layers.2"))
