"""Logistic regression with an L2 penalty, for several strengths of it, by preconditioned L-BFGS.

scikit-learn's L-BFGS takes hundreds of iterations where features are correlated, as those of a
network are. Here they are few, in coordinates in which the Hessian is close to the identity, and
cheap, in float32; what float32 leaves is removed by a new start from a gradient in float64.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import expit, log_softmax

Array = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]

# By this factor a descent lowers the gradient.
REDUCTION = 1e-3
# Recomputing the Hessian costs as much as about this many iterations for each feature, and, as an
# iteration costs K times as much with K logits, 1/K of them. It is done after longer descents only.
ITERATIONS_PER_FEATURE = 1 / 16
# An example counts this much in the Hessian at least: a sure prediction may not stay sure.
LEAST_CURVATURE = 1e-4
# This share of the Hessian's trace is penalised at least, so that float32 can factorise it.
LEAST_PENALTY = 3e-7


def logistic_path(
    features: Array,
    targets: Array,
    strengths: Sequence[float],
    tolerance: float,
    max_iterations: int,
) -> Iterator[tuple[Array, Array, bool]]:
    """Yield weights (K, d), bias (K,) and convergence for each C, each from the one before it.

    They minimise mean loss + ‖weight‖²/(2 C n), scikit-learn's objective over C n. A fit has
    converged when no component of the gradient, in float64, exceeds ``tolerance``. Where there are
    fewer examples than features, the fit takes place in the span of the examples, which has the
    optimum: an orthogonal change of coordinates leaves the penalty and the logits as they are.

    Args:
        features: (n, d).
        targets: (1, n), 0 or 1, for the logistic loss, or one-hot (K, n) for cross-entropy.
        strengths: the values of C, scikit-learn's inverse strength of the penalty.
        tolerance: of the gradient.
        max_iterations: of L-BFGS in a fit.
    """
    n, d = features.shape
    coordinates = features
    if n < d:
        gram = features @ features.T
        # Of centred features it is singular, and rounding would make it indefinite.
        gram.flat[:: n + 1] += 1e-12 * max(gram.trace() / n, 1.0)
        coordinates = cholesky(gram, lower=True, check_finite=False)
    inputs = np.column_stack([coordinates, np.ones(n)])
    single = inputs.astype(np.float32)
    weight = np.zeros((len(targets), inputs.shape[1]))
    for strength in strengths:
        penalty = np.append(np.full(inputs.shape[1] - 1, 1 / (strength * n)), 0.0)
        weight, converged = _fit(
            inputs, single, targets, weight, penalty, tolerance, max_iterations
        )
        slopes = weight[:, :-1]
        if n < d:
            slopes = solve_triangular(coordinates, slopes.T, lower=True, trans=1).T @ features
        yield slopes, weight[:, -1].copy(), converged


def _fit(
    inputs: Array,
    single: Single,
    targets: Array,
    weight: Array,
    penalty: Array,
    tolerance: float,
    max_iterations: int,
) -> tuple[Array, bool]:
    """Minimise from ``weight`` by descents in float32; ``single`` are the inputs so.

    The coordinates v of a descent have weight = start + v R⁻ᵀ, where RᵀR is the Hessian there with
    the mean over classes for each class's curvature. Where its penalty is more than the true one,
    each descent is a step of the proximal point method, which has the same limit.
    """
    n, width = inputs.shape
    patience = ITERATIONS_PER_FEATURE * width / len(targets)
    iterations = np.inf
    while True:
        logits = weight @ inputs.T
        predicted = _evaluate(logits, targets)[1]
        gradient = (predicted - targets) / n @ inputs + penalty * weight
        size = float(np.abs(gradient).max())
        if size <= tolerance or max_iterations <= 0:
            return weight, size <= tolerance
        if iterations > patience:
            curvature = (predicted * (1 - predicted)).mean(axis=0)
            curvature = np.maximum(curvature, LEAST_CURVATURE) / n
            scaled = single * np.sqrt(curvature, dtype=np.float32)[:, None]
            hessian = scaled.T @ scaled
            least = LEAST_PENALTY * hessian.trace()
            hessian.flat[:: width + 1] += np.maximum(penalty, least).astype(np.float32)
            root = cholesky(hessian, overwrite_a=True, check_finite=False)
            whitened = solve_triangular(root, single.T, trans=1, check_finite=False).T
        slope = solve_triangular(root, gradient.T.astype(np.float32), trans=1).T
        goal = max(REDUCTION, 0.3 * tolerance / size) * float(np.linalg.norm(slope))
        step, iterations = _descend(
            whitened, curvature, targets, logits, slope, goal, max_iterations
        )
        weight = weight + solve_triangular(root, step.T).T
        max_iterations -= max(iterations, 1)


def _descend(
    whitened: Single,
    curvature: Array,
    targets: Array,
    logits: Array,
    slope: Single,
    goal: float,
    max_iterations: int,
) -> tuple[Single, int]:
    """Return the step v from where the logits and the gradient ``slope`` are, and the iterations.

    The function is taken relative to the start, so that float32 rounds by the size of the step. As
    RᵀR has it, the penalty is |v|²/2 less the curvature's part of the loss.
    """
    losses, predicted = _evaluate(logits, targets)
    residual = (predicted - targets) / len(losses)
    norm = np.inf

    def objective(flat: Array) -> tuple[float, Array]:
        nonlocal norm
        step = flat.reshape(slope.shape).astype(np.float32)
        change = (step @ whitened.T).astype(np.float64)
        bent = curvature * change
        moved_losses, moved = _evaluate(logits + change, targets)
        rise = (moved - targets) / len(losses) - residual - bent
        gradient = (rise.astype(np.float32) @ whitened + step + slope).astype(np.float64)
        norm = float(np.linalg.norm(gradient))
        value = (moved_losses - losses).mean() - np.vdot(residual + 0.5 * bent, change)
        value += np.vdot(flat, slope) + 0.5 * np.vdot(flat, flat)
        return value, gradient.ravel()

    def stop(_: Array) -> None:
        if norm <= goal:
            raise StopIteration

    found = minimize(
        objective,
        np.zeros(slope.size),
        jac=True,
        method="L-BFGS-B",
        callback=stop,
        options={"maxiter": max_iterations, "maxfun": np.inf, "ftol": 0, "gtol": 0},
    )
    return found.x.reshape(slope.shape).astype(np.float32), found.nit


def _evaluate(logits: Array, targets: Array) -> tuple[Array, Array]:
    """Return each example's loss, (n,), and the probabilities, (K, n)."""
    if len(logits) == 1:
        return (np.logaddexp(0, logits) - targets * logits)[0], expit(logits)
    log_p = log_softmax(logits, axis=0)
    return -(targets * log_p).sum(axis=0), np.exp(log_p)
