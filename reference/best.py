"""The best of the ladder: a linear part beside a few sigmoids, pruned by Optimal Brain Surgeon with the whole Hessian.

Sources: B. Hassibi, D. Stork, "Second Order Derivatives for Network Pruning: Optimal Brain Surgeon", 1993, for what the loss
of a parameter costs; D. Marquardt, "An Algorithm for Least-Squares Estimation of Nonlinear Parameters", 1963, for the training.
The linear part goes over a bridge as in the assignment's tutorial (see linear_bridge.py), with one unit for each output.

The network is seen as  y(x) = b + A x + C sigmoid(W x + v),  where the sigmoids are a few of the model's own hidden units.
That is small enough for its whole Gauss-Newton Hessian, from which all else follows:

1. *Start.* Beside all inputs as linear features, the model's hidden units are eliminated backwards by least squares, and
   then the input weights of those that are left, row by row (the two steps of optimal_brain_surgeon.py).
2. *Train* by Levenberg-Marquardt steps. A few of them converge where Adam needs many epochs, and only near a minimum are the
   costs of the next step true.
3. *Prune by price.* The score (1 - mse/1000)^1.5 * sparsity^1.5 falls as much with one more parameter as with 1/142 more
   error: that is a parameter's price. It goes if its loss costs less, with all others corrected for it: w_p^2 / C_pp, with
   the inverse C of the Hessian. That holds only nearby, so a round removes a little and trains again, and counts only if the
   score has risen. If it has not, the next one is more careful, until every parameter that is left earns its price.

No number of units, inputs or parameters is aimed at. Only the training data are used, so the validation error is an honest one.
"""

from typing import NamedTuple

import torch
from assignment import score
from assignment.pruning import (
    eliminate_input_weights,
    elimination_order,
    embed,
    hidden_activations,
    keep_units,
    least_squares,
    training_data,
)

PARAMETERS, ERROR_CAP = 142_346, 1000.0
EPS = 1e-3  # of the bridge: how far its units are from linear, see linear_bridge.py
TOLERANCE = 0.06  # how far a round of pruning may raise the error, as predicted, before the rest is trained
DAMPING = 1e-4  # by what share the Hessian's diagonal is raised for a prediction: nothing may seem free to move far
ENOUGH = 1e-5  # a round that raises the score by less is no success


def prune(model, units=40, input_weights=400):
    inputs, targets = (values.double() for values in training_data(model))
    network = train(start(model, units, input_weights), inputs, targets, steps=3, damping=1e-2)
    care = 1
    while care < 10:
        smaller = prune_by_price(network, inputs, targets, TOLERANCE / care, DAMPING * care)
        smaller = train(smaller, inputs, targets, steps=3)
        if smaller.score(inputs, targets) > network.score(inputs, targets) + ENOUGH:
            network, care = smaller, max(1, care / 3)
        else:
            care *= 3
    return over_the_bridge(train(network, inputs, targets, steps=10), model)


class Network(NamedTuple):
    """y = b + A x + C sigmoid(W x + v); what is zero has been pruned."""

    b: torch.Tensor  # (10,)
    A: torch.Tensor  # (10, 128)
    C: torch.Tensor  # (10, k)
    W: torch.Tensor  # (k, 128)
    v: torch.Tensor  # (k,)

    def __call__(self, inputs):
        return self.b + inputs @ self.A.T + torch.sigmoid(inputs @ self.W.T + self.v) @ self.C.T

    def error(self, inputs, targets):
        return float((self(inputs) - targets).square().mean())

    def size(self):
        return sum(int(values.count_nonzero()) for values in self)

    def score(self, inputs, targets):
        return float(score(self.error(inputs, targets), 1 - self.size() / PARAMETERS))


def start(model, units, input_weights):
    """The hidden units that best complete a linear fit, with the input weights that matter most to them."""
    inputs, targets = training_data(model)
    size = inputs.shape[1]
    order = elimination_order(torch.cat([inputs, hidden_activations(model, inputs)], dim=1), targets, protected=size)
    few = keep_units(model, [column - size for column in order[len(order) - units :]])
    few.layers[2].weight.data[:, :units] = fitted(few, units)[0][:, size:]  # what each unit adds to a linear fit
    (few,) = eliminate_input_weights(few, (input_weights,))
    weight, bias = fitted(few, units)
    first = few.layers[0]
    parts = bias, weight[:, :size], weight[:, size:], first.weight[:units], first.bias[:units]
    return Network(*(values.detach().double() for values in parts))


def fitted(model, units):
    """Least-squares weights (10, 128 + units) and biases (10,) of all inputs and the first units."""
    inputs, targets = training_data(model)
    return least_squares(torch.cat([inputs, hidden_activations(model, inputs)[:, :units]], dim=1), targets)


# --- the Gauss-Newton system ------------------------------------------------------------------------------------------


def gauss_newton(network, inputs, targets):
    """Hessian (p, p) and gradient (p,) of half the error, the p parameters (p,), and a function that puts such back.

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
    values = torch.cat([outer[output, feature], network.W[unit, source], network.v[biased]])
    hessian = values.new_empty(len(values), len(values))
    first, second = slice(0, len(output)), slice(len(output), None)
    hessian[first, first] = moments[feature][:, feature] * (output.unsqueeze(1) == output)
    hessian[first, second] = moments[feature, inner] * network.C[output][:, inner_unit]
    hessian[second, first] = hessian[first, second].T
    hessian[second, second] = moments[inner, inner] * (network.C.T @ network.C)[inner_unit][:, inner_unit]
    gradient = torch.cat([forces[feature, output], (forces[inner] * network.C.T[inner_unit]).sum(dim=1)])

    def put(changed):
        whole, weight, bias = torch.zeros_like(outer), torch.zeros_like(network.W), torch.zeros_like(network.v)
        whole[output, feature] = changed[first]
        weight[unit, source], bias[biased] = changed[second].split([len(unit), len(biased)])
        offset, linear, heard = whole.split([1, inputs.shape[1], len(bias)], dim=1)
        return Network(offset.flatten(), linear, heard, weight, bias)

    return hessian, gradient, values, put


def factor(hessian, damping):
    """Cholesky factor of the Hessian with its diagonal raised by the share ``damping``, or by more if rounding needs it."""
    diagonal = hessian.diagonal()
    raised = hessian + torch.diag(damping * (diagonal + 1e-9 * diagonal.mean()))  # the mean: an input may be zero throughout
    lower, failed = torch.linalg.cholesky_ex(raised)
    return factor(hessian, 10 * damping) if failed else lower


def train(network, inputs, targets, steps, damping=1e-3):
    """Levenberg-Marquardt: each step solves the damped system; the damping falls with success and rises with failure."""
    error = network.error(inputs, targets)
    for _ in range(steps):
        hessian, gradient, values, put = gauss_newton(network, inputs, targets)
        while damping < 1e3:
            step = torch.cholesky_solve(gradient.unsqueeze(1), factor(hessian, damping)).squeeze(1)
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


def prune_by_price(network, inputs, targets, tolerance, damping):
    """The network without its cheapest parameters, as many as raise the error by ``tolerance`` at most, as predicted."""
    hessian, _, values, put = gauss_newton(network, inputs, targets)
    inverse = torch.cholesky_inverse(factor(hessian, damping))
    alive = torch.ones_like(values, dtype=torch.bool)
    error, size, removed = network.error(inputs, targets), len(values), 0
    highest = error + tolerance
    while error < highest and removed < size // 5:
        price = (ERROR_CAP - error) / (PARAMETERS - size + removed)
        group = cheapest(values, inverse, alive, price, tolerance)
        if not len(group):
            break
        corrections = torch.linalg.solve(inverse[group][:, group], torch.cat([values[group].unsqueeze(1), inverse[group]], dim=1))
        error += float(values[group] @ corrections[:, 0])
        columns = inverse[:, group]
        values, inverse = values - columns @ corrections[:, 0], inverse - columns @ corrections[:, 1:]
        alive[group] = False
        values[~alive] = 0.0
        removed += len(group)
    return tidied(put(values))


def cheapest(values, inverse, alive, price, tolerance, most=64):
    """Indices of parameters that may go at one time: each below its price, and together at a small part of the tolerance."""
    costs, order = torch.where(alive, values.square() / inverse.diagonal(), torch.inf).sort()
    few = (costs < price) & (costs.cumsum(0) < max(tolerance / 8, 1.001 * float(costs[0])))
    group = order[few][:most]
    while len(group) > 1:
        together = values[group] @ torch.linalg.solve(inverse[group][:, group], values[group])
        if together < tolerance / 4:
            break
        group = group[: len(group) // 2]  # each could go, as the others can stand in for it, but not all
    return group


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
    return embed(
        model,
        torch.cat([EPS * network.A, network.W]).float(),
        torch.cat([torch.zeros_like(network.b), network.v]).float(),
        torch.cat([torch.diag(torch.full_like(network.b, 4 / EPS)), network.C], dim=1).float(),
        (network.b - 2 / EPS).float(),
    )
