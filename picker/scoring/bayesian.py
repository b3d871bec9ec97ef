"""The highest value of a costly function in few trials: Bayesian optimisation.

Source: Jones, Schonlau & Welch 1998, Efficient global optimization of expensive
black-box functions, J. Global Optim. 13, doi:10.1023/A:1008306431147; Matérn kernel of
Rasmussen & Williams 2006, Gaussian processes for machine learning, equation 4.17.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import Bounds, minimize
from scipy.stats import norm, qmc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

NUM_RANDOM, NUM_NEAR = 2000, 1000
"""Points at which improvement is looked at: anywhere, and near the best one."""
BOUNDS = {"length": (0.05, 5.0), "noise": (1e-4, 1.0)}
"""Of lengths in a unit cube, and of noise in standard deviations of the values."""


def evenly_spread(number: int, dimensions: int, seed: int) -> Array:
    """Return `(number, dimensions)` points in the unit cube, no two in one slice."""
    return qmc.LatinHypercube(dimensions, rng=np.random.default_rng(seed)).random(
        number
    )


def highest(
    value_at: Callable[[Array], float], first: Array, steps: int, seed: int
) -> tuple[Array, Array]:
    """Return the points that were tried, in order, and their values.

    Parameters
    ----------
    value_at
        The function, of a `(d,)` point in the unit cube.
    first
        `(n, d)` points to begin with.
    steps
        How many more are tried.
    seed
        Of the points at which improvement is looked at.

    Returns
    -------
    `(n + steps, d)` points and `(n + steps,)` values.
    """
    rng = np.random.default_rng(seed)
    points = np.array(first, np.float64)
    values = np.array([value_at(point) for point in points], np.float64)
    shape = _usual(points)
    for step in range(steps):
        # From time to time it is searched from the beginning, too.
        starts = [shape, _usual(points)] if step % 10 == 0 else [shape]
        process = fitted(points, values, starts)
        shape = process.shape
        best = points[int(np.argmax(values))]
        near = best + rng.normal(0, 1, (NUM_NEAR, len(best))) * rng.choice(
            [0.01, 0.05, 0.2], (NUM_NEAR, 1)
        )
        anywhere = rng.random((NUM_RANDOM, len(best)))
        tried = np.clip(np.concatenate([anywhere, near]), 0, 1)
        point = tried[int(np.argmax(process.improvement(tried)))]
        points = np.append(points, point[None], axis=0)
        values = np.append(values, value_at(point))
    return points, values


class Process:
    """A Gaussian process through values at points.

    Attributes
    ----------
    shape
        `(d + 1,)` logarithms of the lengths over which values change, and of noise.
    misfit
        Negative logarithm of the values' likelihood, and of the shape's: lengths of
        about half the cube are likely, for few values say little of them.
    """

    def __init__(self, points: Array, values: Array, shape: Array) -> None:
        self.shape = shape
        self._points = points
        self._mean, self._sd = float(values.mean()), float(values.std()) or 1.0
        self._best = float(values.max() - self._mean) / self._sd
        target = (values - self._mean) / self._sd
        covariance = _matern(points, points, np.exp(shape[:-1]))
        covariance[np.diag_indices_from(covariance)] += np.exp(2 * shape[-1])
        self._root = cholesky(covariance, lower=True)
        self._weight = cho_solve((self._root, True), target)
        prior = ((shape[:-1] - np.log(0.5)) ** 2).sum() / 2
        self.misfit = float(
            target @ self._weight / 2 + np.log(np.diag(self._root)).sum() + prior
        )

    def improvement(self, points: Array) -> Array:
        """Return by how much `(n, d)` points are expected to exceed the best value."""
        cross = _matern(points, self._points, np.exp(self.shape[:-1]))
        mean = cross @ self._weight
        known = solve_triangular(self._root, cross.T, lower=True)
        sd = np.sqrt(np.maximum(1 - (known**2).sum(axis=0), 1e-12))
        ahead = mean - self._best
        gain: Array = ahead * norm.cdf(ahead / sd) + sd * norm.pdf(ahead / sd)
        return self._sd * gain


def fitted(points: Array, values: Array, starts: Sequence[Array]) -> Process:
    """Return the process of the most likely shape.

    Parameters
    ----------
    points, values
        `(n, d)` in the unit cube, and `(n,)`.
    starts
        Shapes from which it is searched, as `Process.shape`.
    """
    each = [BOUNDS["length"]] * points.shape[1] + [BOUNDS["noise"]]
    bounds = Bounds(*np.log(each).T)

    def misfit(shape: Array) -> float:
        return Process(points, values, shape).misfit

    found = [
        minimize(misfit, start, bounds=bounds, options={"maxiter": 15}).x
        for start in starts
    ]
    return min((Process(points, values, x) for x in found), key=lambda p: p.misfit)


def _usual(points: Array) -> Array:
    """Return a shape to begin with."""
    return np.log([0.5] * points.shape[1] + [0.05])


def _matern(points: Array, others: Array, lengths: Array) -> Array:
    """Return `(n, m)` covariances of points, by the Matérn kernel of order 5/2."""
    away = (points[:, None] - others) / lengths
    distance = np.sqrt(5 * (away**2).sum(axis=-1))
    covariance: Array = (1 + distance + distance**2 / 3) * np.exp(-distance)
    return covariance
