"""The best of the ladder: a linear part beside a few sigmoids, pruned by Optimal Brain Surgeon with the whole Hessian.

Sources: B. Hassibi, D. Stork, "Second Order Derivatives for Network Pruning: Optimal Brain Surgeon", 1993, for what the loss
of a parameter costs; D. Marquardt, "An Algorithm for Least-Squares Estimation of Nonlinear Parameters", 1963, for the training.
The linear part goes over a bridge as in the assignment's tutorial (see linear_bridge.py), one unit for each output.

The network is seen as  y(x) = b + A x + C sigmoid(W x + v),  where the sigmoids are a few of the model's own hidden units.
That is small enough for its whole Gauss-Newton Hessian, from which all else follows:

1. *Start.* Beside all inputs as linear features, the model's hidden units are eliminated backwards by least squares, and
   then the input weights of those that are left, row by row (the two steps of optimal_brain_surgeon.py).
2. *Train* by Levenberg-Marquardt steps. A few of them converge where Adam needs many epochs, and only at a minimum are the
   costs of the next step true.
3. *Prune by price.* The score (1 - mse/1000) * sparsity falls as much with one more parameter as with 1/142 more error. A
   parameter p goes if its loss raises the error by less, with all others corrected for it: w_p^2 / C_pp, with the inverse
   C of the Hessian. That holds only nearby, so a round removes a little and trains again, until every parameter that is left
   earns its price.

No number of units, inputs or parameters is aimed at. Only the training data are used, so the validation error is an honest one.
"""

from dataclasses import astuple, dataclass

import torch
from assignment.pruning import (
    eliminate_input_weights,
    elimination_order,
    embed,
    hidden_activations,
    keep_units,
    least_squares,
    tensors,
)

PARAMETERS, ERROR_CAP = 142_346, 1000.0
EPS = 1e-3  # of the bridge: how far its units are from linear, see linear_bridge.py


def prune(model, units=60, input_weights=900, tolerance=0.03):
    """``tolerance``: by how much the error may rise in a round of pruning, as predicted, before the rest is trained."""
    inputs, targets = (values.double() for values in tensors(model))
    network = train(start(model, units, input_weights), inputs, targets, steps=3, damping=1e-2)
    allowed = tolerance
    while allowed > tolerance / 100:
        smaller = without_what_costs_less_than_its_price(network, inputs, targets, allowed)
        if smaller.size() == network.size():
            break
        smaller = train(smaller, inputs, targets, steps=5)
        if smaller.error(inputs, targets) < network.error(inputs, targets) + 2 * allowed:
            network, allowed = smaller, min(2 * allowed, tolerance)
        else:  # the prediction was wrong so far away
            allowed /= 4
    return over_the_bridge(train(network, inputs, targets, steps=10), model)


@dataclass
class Network:
    """y = b + A x + C sigmoid(W x + v); what is zero has been pruned."""

    b: torch.Tensor  # (10,)
    A: torch.Tensor  # (10, 128)
    C: torch.Tensor  # (10, k)
    W: torch.Tensor  # (k, 128)
    v: torch.Tensor  # (k,)

    def size(self):
        return sum(int((values != 0).sum()) for values in astuple(self))

    def error(self, inputs, targets):
        return float((self(inputs) - targets).square().mean())

    def __call__(self, inputs):
        return self.b + inputs @ self.A.T + torch.sigmoid(inputs @ self.W.T + self.v) @ self.C.T


def start(model, units, input_weights):
    """The hidden units that best complete a linear fit, with the input weights that matter most to them."""
    inputs, targets = tensors(model)
    size = inputs.shape[1]
    order = elimination_order(torch.cat([inputs, hidden_activations(model, inputs)], dim=1), targets, protected=size)
    chosen = [column - size for column in order[len(order) - units :]]
    few = keep_units(model, chosen)
    few.layers[2].weight.data[:, :units] = fitted(few, units)[0][:, size:]  # what each unit adds to a linear fit
    (few,) = eliminate_input_weights(few, (input_weights,))
    weight, bias = fitted(few, units)
    first = few.layers[0]
    parts = bias, weight[:, :size], weight[:, size:], first.weight[:units], first.bias[:units]
    return Network(*(values.detach().double() for values in parts))


def fitted(model, units):
    """Least-squares weights (10, 128 + units) and biases (10,) of all inputs and the first units."""
    inputs, targets = tensors(model)
    return least_squares(torch.cat([inputs, hidden_activations(model, inputs)[:, :units]], dim=1), targets)


# --- the Gauss-Newton system ------------------------------------------------------------------------------------------


def gauss_newton(network, inputs, targets):
    """Hessian (p, p) and gradient (p,) of half the error, the parameters (p,), and a function that puts such back.

    The derivative of output j by an inner weight W_ki is C_jk s_k x_i with the sigmoid's slope s_k. So everything is made of
    second moments of few columns: the features 1, x and h, and s_k x_i or s_k for each inner parameter.
    """
    hidden = torch.sigmoid(inputs @ network.W.T + network.v)
    slopes = hidden * (1 - hidden)
    outer = torch.cat([network.b.unsqueeze(1), network.A, network.C], dim=1)
    output, feature = outer.nonzero(as_tuple=True)
    unit, source = network.W.nonzero(as_tuple=True)
    biased = network.v.nonzero().flatten()
    inner_unit = torch.cat([unit, biased])
    features = torch.cat([torch.ones_like(inputs[:, :1]), inputs, hidden], dim=1)
    columns = torch.cat([features, slopes[:, unit] * inputs[:, source], slopes[:, biased]], dim=1)
    residual = features @ outer.T - targets
    moments, forces = columns.T @ columns / residual.numel(), columns.T @ residual / residual.numel()

    inner = slice(features.shape[1], None)
    hessian = torch.empty(len(output) + len(inner_unit), len(output) + len(inner_unit), dtype=inputs.dtype)
    first, second = slice(0, len(output)), slice(len(output), None)
    hessian[first, first] = moments[feature][:, feature] * (output.unsqueeze(1) == output)
    hessian[first, second] = moments[feature, inner] * network.C[output][:, inner_unit]
    hessian[second, first] = hessian[first, second].T
    hessian[second, second] = moments[inner, inner] * (network.C.T @ network.C)[inner_unit][:, inner_unit]
    gradient = torch.cat([forces[feature, output], (forces[inner] * network.C.T[inner_unit]).sum(dim=1)])

    def put(values):
        changed = Network(*(torch.zeros_like(part) for part in astuple(network)))
        whole = torch.zeros_like(outer)
        whole[output, feature] = values[first]
        changed.b, changed.A, changed.C = whole[:, 0], whole[:, 1 : 1 + inputs.shape[1]], whole[:, 1 + inputs.shape[1] :]
        changed.W[unit, source], changed.v[biased] = values[second].split([len(unit), len(biased)])
        return changed

    return hessian, gradient, torch.cat([outer[output, feature], network.W[unit, source], network.v[biased]]), put


def train(network, inputs, targets, steps, damping=1e-3):
    """Levenberg-Marquardt: each step solves the damped system; the damping falls with success and rises with failure."""
    error = network.error(inputs, targets)
    for _ in range(steps):
        hessian, gradient, values, put = gauss_newton(network, inputs, targets)
        scale = hessian.diagonal().clone()
        while damping < 1e3:
            hessian.diagonal().copy_(scale * (1 + damping))
            step = torch.cholesky_solve(gradient.unsqueeze(1), torch.linalg.cholesky(hessian)).squeeze(1)
            candidate = put(values - step)
            if (reached := candidate.error(inputs, targets)) < error:
                break
            damping *= 6
        else:
            break
        gained, error, network, damping = error - reached, reached, candidate, max(damping / 6, 1e-7)
        if gained < 1e-4 * error:
            break
    return network


# --- pruning ----------------------------------------------------------------------------------------------------------


def without_what_costs_less_than_its_price(network, inputs, targets, tolerance, together=64):
    """One round: the cheapest parameters, few at a time, until the error is predicted to have risen by ``tolerance``."""
    hessian, _, values, put = gauss_newton(network, inputs, targets)
    size, error = network.size(), network.error(inputs, targets)
    hessian.diagonal().mul_(1 + 1e-6)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
    alive = torch.ones(len(values), dtype=torch.bool)
    spent, removed = 0.0, 0
    while spent < tolerance and removed < size // 5:
        price = (ERROR_CAP - error - spent) / (PARAMETERS - size + removed)
        costs = torch.where(alive, values.square() / inverse.diagonal(), torch.inf).sort()
        affordable = (costs.values < price) & (costs.values.cumsum(0) < max(tolerance / 8, float(costs.values[0]) * 1.001))
        gone = costs.indices[affordable][:together]
        while len(gone) > 1 and joint_cost(values, inverse, gone) > tolerance / 4:  # each could go, but not all of them
            gone = gone[: len(gone) // 2]
        if not len(gone):
            break
        block = torch.linalg.solve(inverse[gone][:, gone], torch.cat([values[gone].unsqueeze(1), inverse[gone]], dim=1))
        spent += float(values[gone] @ block[:, 0])
        columns = inverse[:, gone]
        values, inverse = values - columns @ block[:, 0], inverse - columns @ block[:, 1:]
        alive[gone] = False
        values[~alive] = 0.0
        inverse[~alive, ~alive] = 1.0
        removed += len(gone)
    return tidied(put(values))


def joint_cost(values, inverse, group):
    return float(values[group] @ torch.linalg.solve(inverse[group][:, group], values[group]))


def tidied(network):
    """Without units that no output hears, or that hear no input: those are constants."""
    constant = (network.W == 0).all(dim=1)
    living = (network.C != 0).any(dim=0) & ~constant
    return Network(
        network.b + network.C[:, constant] @ torch.sigmoid(network.v[constant]),
        network.A,
        network.C[:, living],
        network.W[living],
        network.v[living],
    )


def over_the_bridge(network, model):
    """The network as the assignment's: ten near-linear units, 4/eps * sigmoid(eps * A_j x) = 2/eps + A_j x, and the others."""
    outputs = len(network.b)
    return embed(
        model,
        torch.cat([EPS * network.A, network.W]).float(),
        torch.cat([torch.zeros(outputs), network.v]).float(),
        torch.cat([torch.eye(outputs) * 4 / EPS, network.C], dim=1).float(),
        (network.b - 2 / EPS).float(),
    )
