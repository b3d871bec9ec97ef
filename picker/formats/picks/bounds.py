"""Which picks lie in the tomogram, and which of the others may be left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.config import Outside

NEAR = 2.0
"""Voxels beyond a face within which a pick is a stray, not one in another unit."""
FEW = 0.1
"""Fraction of a file's picks; so many, or one, that lie just outside are left out."""
JUST_OUTSIDE = 0.1
"""How far outside that is at most: a fraction of the tomogram's size on that axis."""
EPSILON = 1e-6
"""Slack at the faces [voxels]: files hold six decimals."""


def inside(
    index_zyx: NDArray[np.float64], shape_zyx: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """Return where an index is between the outer faces of first and last voxel.

    Parameters
    ----------
    index_zyx
        `(n, 3)` places [voxels]; 0 is the centre of voxel 0.
    shape_zyx
        Number of voxels.

    Returns
    -------
    `(n, 3)`, one answer an axis.
    """
    within: NDArray[np.bool_] = (index_zyx >= -0.5 - EPSILON) & (
        index_zyx <= np.array(shape_zyx) - 0.5 + EPSILON
    )
    return within


def beyond(
    index_zyx: NDArray[np.float64], shape_zyx: tuple[int, int, int]
) -> NDArray[np.float64]:
    """Return `(n, 3)` how far [voxels] an index is beyond the outermost voxels.

    It is negative inside.
    """
    last = np.array(shape_zyx) - 1
    distance: NDArray[np.float64] = np.maximum(-index_zyx, index_zyx - last)
    return distance


def may_be_dropped(
    index_zyx: NDArray[np.float64], shape_zyx: tuple[int, int, int], outside: Outside
) -> bool:
    """Return whether the picks outside of a tomogram may be left out.

    Parameters
    ----------
    index_zyx
        `(n, 3)` all picks of a file [voxels].
    shape_zyx
        Number of voxels.
    outside
        Drop "drop_few": a few that are just outside; "drop": any, as long as some are
        inside; "error": none.
    """
    within = np.all(inside(index_zyx, shape_zyx), axis=1)
    if outside == "error" or not within.any():
        return False
    if outside == "drop":
        return True
    is_few = (~within).sum() <= max(1, FEW * len(within))
    return bool(is_few and _are_just_outside(index_zyx, shape_zyx))


def few_strays(index_zyx: NDArray[np.float64], shape_zyx: tuple[int, int, int]) -> bool:
    """Return whether so few picks lie outside that most readings have such.

    Unlike in `may_be_dropped`, one of two or three is not few.
    """
    within = np.all(inside(index_zyx, shape_zyx), axis=1)
    return bool(np.mean(~within) <= FEW) and _are_just_outside(index_zyx, shape_zyx)


def _are_just_outside(
    index_zyx: NDArray[np.float64], shape_zyx: tuple[int, int, int]
) -> bool:
    """Return whether no index lies further outside than a stray pick does."""
    just = np.maximum(NEAR, JUST_OUTSIDE * np.array(shape_zyx))
    return bool((beyond(index_zyx, shape_zyx) <= just).all())
