"""Particles of a 2D patch to squares, and squares to particles.

A square is its centre y, x and its side, as fractions of the patch's edge. Pixel i has
its centre at (i + ½) / edge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from picker.encodings.balls import first_within

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


def squares_from_particles(
    index_yx: NDArray[np.floating],
    particle: NDArray[np.integer],
    radius: NDArray[np.floating],
    edge: int,
) -> NDArray[np.float32]:
    """Return `(n, 3)` squares, of which each particle's circle touches all sides.

    Parameters
    ----------
    index_yx
        `(n, 2)` centres [pixels].
    particle
        `(n,)` class numbers.
    radius
        `(class,)` of the particles [pixels].
    edge
        Of the patch [pixels].
    """
    centre = (np.asarray(index_yx, np.float64).reshape(-1, 2) + 0.5) / edge
    side = 2 * np.asarray(radius, np.float64)[particle] / edge
    return np.column_stack([centre, side]).astype(np.float32)


def particles_from_squares(
    logits: Tensor,
    squares: Tensor,
    radius: NDArray[np.floating],
    edge: int,
    min_score: float,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float32]]:
    """Return the particles that the network's squares stand for, best first.

    Within a radius of one, others of its class are the same particle.

    Parameters
    ----------
    logits
        `(query, class)`.
    squares
        `(query, 3)`.
    radius
        `(class,)` of the particles [pixels].
    edge
        Of the patch [pixels].
    min_score
        Those that score lower are left out.

    Returns
    -------
    `(n, 2)` centres [pixels], `(n,)` class numbers, `(n,)` scores.
    """
    probability = logits.float().sigmoid().cpu().numpy()
    centre = squares[:, :2].double().cpu().numpy() * edge - 0.5
    parts = []
    for number, one in enumerate(radius):
        score = probability[:, number]
        order = np.argsort(-score, kind="stable")
        order = order[score[order] >= min_score]
        kept = order[first_within(centre[order], float(one))]
        parts.append((centre[kept], np.full(len(kept), number), score[kept]))
    index, kind, score = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(-score, kind="stable")
    return index[order], kind[order], score[order]
