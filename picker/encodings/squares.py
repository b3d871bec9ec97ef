"""Discs in a 2D patch to squares, and squares to discs.

A square is its centre y, x and its side, as fractions of the patch's edge. Pixel i has
its centre at (i + ½) / edge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from picker.encodings.discs import Discs
from picker.encodings.nearby import first_within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor


def squares_from_discs(discs: Discs, edge: int) -> NDArray[np.float32]:
    """Return `(n, 3)` squares, all of whose sides the discs touch.

    Parameters
    ----------
    discs
        In the patch.
    edge
        Of the patch [pixels].
    """
    centre = (discs.centre_yx + 0.5) / edge
    return np.column_stack([centre, discs.diameter / edge]).astype(np.float32)


def discs_from_squares(
    squares: Tensor, particle: Tensor, score: Tensor, edge: int, slice_z: int = 0
) -> Discs:
    """Return the discs that a network's squares stand for, in their order.

    Parameters
    ----------
    squares
        `(n, 3)`.
    particle
        `(n,)` class numbers.
    score
        `(n,)` in [0, 1].
    edge
        Of the patch [pixels].
    slice_z
        Which slice the patch lies on.
    """
    placed = squares.double().cpu().numpy() * edge
    return Discs(
        slice_z=np.full(len(placed), slice_z),
        centre_yx=placed[:, :2] - 0.5,
        diameter=placed[:, 2],
        particle=particle.cpu().numpy(),
        score=score.float().cpu().numpy(),
    )


def once(discs: Discs, radius: NDArray[np.floating]) -> Discs:
    """Return the best discs of each class within a radius, best first.

    Parameters
    ----------
    discs
        Of one slice.
    radius
        `(class,)` of the particles [pixels].
    """
    order = np.argsort(-discs.score, kind="stable")
    parts = []
    for kind, one in enumerate(radius):
        of_class = order[discs.particle[order] == kind]
        parts.append(of_class[first_within(discs.centre_yx[of_class], float(one))])
    kept = np.concatenate(parts)
    return discs.select(kept[np.argsort(-discs.score[kept], kind="stable")])


def turned(
    squares: NDArray[np.float32], flips: Sequence[bool] | NDArray[np.bool_], turns: int
) -> NDArray[np.float32]:
    """Return squares where `augment.apply_symmetry` moves what they are about.

    Parameters
    ----------
    squares
        `(n, 3)`.
    flips
        Which of z, y, x are flipped, after the turn.
    turns
        Quarter turns about z.
    """
    y, x, side = squares.T
    for _ in range(turns % 4):
        y, x = 1 - x, y
    y, x = 1 - y if flips[1] else y, 1 - x if flips[2] else x
    return np.column_stack([y, x, side])
