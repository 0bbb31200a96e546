"""The compiled inner loop: one toy network, trained batch by batch (equations 5 to 10).

A model's weights stay in a core's cache, and all sums run in one fixed order, so that a run has the
same bits whatever else runs. All compiled code is in this file: numba recompiles what it has cached
when the file of a function changes, not that of a function which it calls.

The hidden layers are padded with units whose weights are 0; they stay 0. About half the units of a
ReLU layer are inactive for a point, and neither pass spends time on them.
"""

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

# Sums may be vectorised and products fused into them; not-a-number and infinity keep their meaning.
_compiled = numba.njit(
    cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"}
)

# Floats in a vector of AVX2: a layer of a multiple of it leaves no remainder to a slower loop.
LANES = 8
CONSTANT_KAPPA = 2**0.5

Floats = npt.NDArray[np.floating]
Indices = npt.NDArray[np.integer]


class Rule(NamedTuple):
    """What a run puts for w in the two terms of the gradient.

    Attributes:
        rho: LSAM's radius.
        alpha, tracking: ratio of the fixed weights ŵ(α), and whether their norm κ is ‖w‖ at the
            moment rather than √2 (equation 7); NaN for LSAM's w̃.
        in_importance: whether λ takes them.
        in_rates: whether the learning rates of the features take them.
        keeps_norm, keeps_direction: whether w̃ is given the norm, or the direction, of w.
        plain_last: whether w itself follows λ(w) rather than the λ of the features.
    """

    rho: float
    alpha: float
    tracking: bool
    in_importance: bool
    in_rates: bool
    keeps_norm: bool
    keeps_direction: bool
    plain_last: bool


@_compiled
def substitute(
    rule: Rule, last: tuple[float, float], gradient: tuple[float, float]
) -> tuple[float, float]:
    """Return w̃ = w + ρ g/‖g‖ (equation 5) or ŵ(α) (equation 7) for w and the gradient g of w.

    A zero gradient perturbs nothing.
    """
    norm = math.hypot(last[0], last[1])
    if not math.isnan(rule.alpha):
        kappa = (norm if rule.tracking else CONSTANT_KAPPA) / math.sqrt(1 + rule.alpha**2)
        return kappa, kappa * rule.alpha
    length = math.hypot(gradient[0], gradient[1])
    if rule.rho == 0 or length == 0:
        return last
    easy = last[0] + rule.rho * (gradient[0] / length)
    hard = last[1] + rule.rho * (gradient[1] / length)
    phantom_norm = math.hypot(easy, hard)
    if rule.keeps_norm and phantom_norm > 0:
        return easy * (norm / phantom_norm), hard * (norm / phantom_norm)
    if rule.keeps_direction and norm > 0:
        return last[0] * (phantom_norm / norm), last[1] * (phantom_norm / norm)
    return easy, hard


@_compiled
def importance(last: tuple[float, float], easy: float, hard: float) -> float:
    """Return λ = σ(−(w_e·y f_e + w_h·y f_h)) of one point (equation 6)."""
    return 1 / (1 + math.exp(last[0] * easy + last[1] * hard))


@_compiled
def last_layer_gradient(weighted_by: tuple[float, float], signed: Floats) -> tuple[float, float]:
    """Return the mean of −λ(u)·y·φ over a batch, for u and y·φ (2, n)."""
    easy = hard = 0.0
    for point in range(signed.shape[1]):
        weight = importance(weighted_by, signed[0, point], signed[1, point])
        easy -= weight * signed[0, point]
        hard -= weight * signed[1, point]
    return easy / signed.shape[1], hard / signed.shape[1]


@_compiled
def _forward(
    x: Floats,
    first: Floats,
    first_bias: Floats,
    second: Floats,
    second_bias: Floats,
    third: Floats,
    third_bias: Floats,
    h1: Floats,
    h2: Floats,
    active: Indices,
    f: Floats,
) -> None:
    """Fill ``f`` (n,) for points (n, 2), and the hidden layers after their ReLU."""
    points, width = x.shape[0], first.shape[1]
    zero = f.dtype.type(0)
    for point in range(points):
        for i in range(width):
            value = first_bias[i] + x[point, 0] * first[0, i] + x[point, 1] * first[1, i]
            # Not-a-number passes, as it does in PyTorch.
            h1[point, i] = zero if value <= 0 else value
        count = 0
        for i in range(width):
            active[count] = i
            count += not h1[point, i] <= 0
        for k in range(width):
            h2[point, k] = second_bias[k]
        place = 0
        while place + 4 <= count:
            i0, i1, i2, i3 = active[place], active[place + 1], active[place + 2], active[place + 3]
            a0, a1, a2, a3 = h1[point, i0], h1[point, i1], h1[point, i2], h1[point, i3]
            for k in range(width):
                h2[point, k] += (
                    a0 * second[i0, k]
                    + a1 * second[i1, k]
                    + a2 * second[i2, k]
                    + a3 * second[i3, k]
                )
            place += 4
        while place < count:
            i0 = active[place]
            a0 = h1[point, i0]
            for k in range(width):
                h2[point, k] += a0 * second[i0, k]
            place += 1
        total = third_bias[0]
        for k in range(width):
            value = h2[point, k]
            value = zero if value <= 0 else value
            h2[point, k] = value
            total += value * third[k]
        f[point] = total


@_compiled
def _backward(
    x: Floats,
    slope: Floats,
    first: Floats,
    first_bias: Floats,
    second: Floats,
    second_bias: Floats,
    third: Floats,
    third_bias: Floats,
    h1: Floats,
    h2: Floats,
    s1: Floats,
    s2: Floats,
    active: Indices,
    row: Floats,
) -> None:
    """Subtract the gradients, given ``slope`` = η ∂L/∂f (n,); s1 and s2 are η ∂L/∂h.

    The last row of h1 and s2 is 0: it stands for a point where a group of points is not full.
    """
    points, width = x.shape[0], first.shape[1]
    nobody = h1.shape[0] - 1
    zero = row.dtype.type(0)
    for point in range(points):
        for k in range(width):
            s2[point, k] = zero if h2[point, k] <= 0 else slope[point] * third[k]
    # Sums over a batch are complete before they are subtracted, lest small terms be lost.
    row[:] = 0
    total = zero
    for point in range(points):
        total += slope[point]
        for k in range(width):
            row[k] += slope[point] * h2[point, k]
    third_bias[0] -= total
    for k in range(width):
        third[k] -= row[k]
    row[:] = 0
    for point in range(points):
        for k in range(width):
            row[k] += s2[point, k]
    for k in range(width):
        second_bias[k] -= row[k]
    for i in range(width):
        count = 0
        for point in range(points):
            active[count] = point
            s1[point, i] = 0
            count += not h1[point, i] <= 0
        for place in range(count, count + 4):
            active[place] = nobody
        if count == 0:
            continue
        if count <= 2:
            c0, c1 = active[0], active[1]
            a0, a1 = h1[c0, i], h1[c1, i]
            d0 = d1 = zero
            for k in range(width):
                weight, q0, q1 = second[i, k], s2[c0, k], s2[c1, k]
                d0 += weight * q0
                d1 += weight * q1
                second[i, k] = weight - (a0 * q0 + a1 * q1)
            s1[c0, i] = d0
            s1[c1, i] = d1
            continue
        row[:] = 0
        for place in range(0, count, 4):
            c0, c1, c2, c3 = active[place], active[place + 1], active[place + 2], active[place + 3]
            a0, a1, a2, a3 = h1[c0, i], h1[c1, i], h1[c2, i], h1[c3, i]
            d0 = d1 = d2 = d3 = zero
            for k in range(width):
                weight, q0, q1, q2, q3 = second[i, k], s2[c0, k], s2[c1, k], s2[c2, k], s2[c3, k]
                d0 += weight * q0
                d1 += weight * q1
                d2 += weight * q2
                d3 += weight * q3
                row[k] += a0 * q0 + a1 * q1 + a2 * q2 + a3 * q3
            s1[c0, i] = d0
            s1[c1, i] = d1
            s1[c2, i] = d2
            s1[c3, i] = d3
        for k in range(width):
            second[i, k] -= row[k]
    for coordinate in range(2):
        row[:] = 0
        for point in range(points):
            for i in range(width):
                row[i] += x[point, coordinate] * s1[point, i]
        for i in range(width):
            first[coordinate, i] -= row[i]
    row[:] = 0
    for point in range(points):
        for i in range(width):
            row[i] += s1[point, i]
    for i in range(width):
        first_bias[i] -= row[i]


@_compiled
def train_epoch(
    order: Indices,
    x: Floats,
    y: Floats,
    batch_size: int,
    lr: float,
    rule: Rule,
    layers: tuple[Floats, ...],
    last: Floats,
    real: Floats,
    phantom: Floats,
) -> None:
    """Train one model on the points in ``order``, batch by batch; the last one may have fewer.

    φ of a batch is the same at the phantom parameter, as only w is perturbed: LSAM's second
    evaluation is of the last layer alone.

    Args:
        order: indices of the points to train on.
        x, y: all points, (2, N, 2), and their labels, (N,).
        batch_size: points per step.
        lr: learning rate.
        rule: what is put for w.
        layers: first (2, 2, P), first bias (2, 1, P), second (2, P, P), second bias (2, 1, P),
            third (2, 1, P) and third bias (2, 1, 1) of both features' networks, changed in place; P
            is best a multiple of ``LANES``.
        last: w (2,), changed in place.
        real, phantom: filled with w before every step and with what was put for it, (steps, 2).
    """
    first, first_bias, second, second_bias, third, third_bias = layers
    width = first.shape[2]
    hidden = (2, batch_size + 1, width)
    h1, h2 = np.zeros(hidden, first.dtype), np.zeros(hidden, first.dtype)
    s1, s2 = np.zeros(hidden, first.dtype), np.zeros(hidden, first.dtype)
    points = np.empty((2, batch_size, 2), x.dtype)
    f = np.empty((2, batch_size), first.dtype)
    slope = np.empty((2, batch_size), first.dtype)
    signed = np.empty((2, batch_size))
    row = np.empty(width, first.dtype)
    active = np.empty(max(width, batch_size) + 4, np.uint64)
    for step in range(real.shape[0]):
        start = step * batch_size
        n = min(batch_size, len(order) - start)
        for j in range(2):
            for i in range(n):
                points[j, i, 0] = x[j, order[start + i], 0]
                points[j, i, 1] = x[j, order[start + i], 1]
            _forward(
                points[j, :n],
                *(first[j], first_bias[j, 0], second[j], second_bias[j, 0]),
                *(third[j, 0], third_bias[j, 0]),
                *(h1[j], h2[j], active, f[j]),
            )
            for i in range(n):
                signed[j, i] = f[j, i] * y[order[start + i]]
        w = (float(last[0]), float(last[1]))
        gradient = last_layer_gradient(w, signed[:, :n])
        put = substitute(rule, w, gradient)
        weighted_by = put if rule.in_importance else w
        rates = put if rule.in_rates else w
        real[step, 0], real[step, 1] = w
        phantom[step, 0], phantom[step, 1] = put
        for i in range(n):
            weight = importance(weighted_by, signed[0, i], signed[1, i])
            common = -lr / n * weight * y[order[start + i]]
            slope[0, i] = common * rates[0]
            slope[1, i] = common * rates[1]
        if not rule.plain_last:
            gradient = last_layer_gradient(weighted_by, signed[:, :n])
        last[0] = w[0] - lr * gradient[0]
        last[1] = w[1] - lr * gradient[1]
        for j in range(2):
            _backward(
                *(points[j, :n], slope[j]),
                *(first[j], first_bias[j, 0], second[j], second_bias[j, 0]),
                *(third[j, 0], third_bias[j, 0]),
                *(h1[j], h2[j], s1[j], s2[j], active, row),
            )
