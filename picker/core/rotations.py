"""Rotations as matrices and as Euler angles, and what is a rotation.

A matrix acts on column vectors. What is written x, y, z here becomes z, y, x if both of
its axes are reversed (`reversed_axes`). A matrix of NaN stands for an unknown rotation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

TOLERANCE = 1e-4
"""How far R Rᵀ of a rotation may be from 1, in each number."""
ROUNDED = 0.01
"""The same of a matrix in a file, whose numbers may be rounded."""


def reversed_axes(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `(n, 3, 3)` matrices in z, y, x of those in x, y, z, or back."""
    return matrix[..., ::-1, ::-1]


def identities(num: int) -> NDArray[np.float64]:
    """Return `(n, 3, 3)` matrices that turn nothing."""
    return np.tile(np.eye(3), (num, 1, 1))


def unknown(num: int) -> NDArray[np.float64]:
    """Return `(n, 3, 3)` matrices that stand for unknown rotations."""
    return np.full((num, 3, 3), np.nan)


def are_known(rotation: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return `(n,)` which of `(n, 3, 3)` matrices are known."""
    return np.logical_not(np.isnan(rotation).all(axis=(1, 2)))


def first_known(
    rotation: NDArray[np.float64] | None, groups: Iterable[Sequence[int]]
) -> NDArray[np.float64] | None:
    """Return each group's first known matrix; NaN where it has none.

    Parameters
    ----------
    rotation
        `(n, 3, 3)` matrices; None: none is known, and None comes back.
    groups
        Indices of matrices, one at least in each.
    """
    if rotation is None:
        return None
    known = are_known(rotation).tolist()
    rows = [next((i for i in group if known[i]), group[0]) for group in groups]
    return rotation[rows]


def joined(
    parts: Iterable[tuple[NDArray[np.float64] | None, int]],
) -> NDArray[np.float64] | None:
    """Return the matrices of several sets as one; None if no set has any.

    Parameters
    ----------
    parts
        Of each set `(n, 3, 3)` matrices, or None, and n.
    """
    sets = list(parts)
    if all(rotation is None for rotation, _ in sets):
        return None
    return np.concatenate(
        [unknown(num) if part is None else part for part, num in sets]
    )


def why_not(matrix: NDArray[np.float64], tolerance: float = TOLERANCE) -> str | None:
    """Return why a `(3, 3)` matrix is no rotation; None if it is one."""
    if not np.isfinite(matrix).all():
        return "is not finite"
    with np.errstate(invalid="ignore", over="ignore"):
        away = np.abs(matrix @ matrix.T - np.eye(3)).max()
    if not away <= tolerance:
        return "is not orthogonal"
    if np.linalg.det(matrix) < 0:
        return "is left-handed: it mirrors"
    return None


def first_bad(
    rotation: NDArray[np.float64], tolerance: float = TOLERANCE
) -> tuple[int, str] | None:
    """Return which of `(n, 3, 3)` matrices is no rotation, and why; None if all are.

    Those that are all NaN count as rotations.
    """
    known = np.flatnonzero(are_known(rotation))
    some = rotation[known]
    # Damaged numbers may be too large for a product.
    with np.errstate(invalid="ignore", over="ignore"):
        away = np.abs(some @ some.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
        is_right = (away <= tolerance) & (np.linalg.det(some) > 0)
    if is_right.all():
        return None
    row = int(known[np.flatnonzero(~is_right)[0]])
    return row, why_not(rotation[row], tolerance) or "is no rotation"


def nearest(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotations nearest to `(n, 3, 3)` matrices whose numbers are rounded.

    Source: Higham (1988), Matrix nearness problems and applications: the orthogonal
    factor of the polar decomposition.
    """
    result = matrix.copy()
    known = are_known(matrix)
    left, _, right = np.linalg.svd(matrix[known])
    result[known] = left @ right
    return result


def matrix_from_zyz(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `(n, 3, 3)` matrices Rz(a) Ry(b) Rz(c), x, y, z.

    Parameters
    ----------
    angles
        `(n, 3)` a, b, c [degrees], each counterclockwise seen from the axis's tip.
    """
    cos, sin = np.cos(np.deg2rad(angles)).T, np.sin(np.deg2rad(angles)).T
    (ca, cb, cc), (sa, sb, sc) = cos, sin
    rows = [
        [ca * cb * cc - sa * sc, -ca * cb * sc - sa * cc, ca * sb],
        [sa * cb * cc + ca * sc, -sa * cb * sc + ca * cc, sa * sb],
        [-sb * cc, sb * sc, cb],
    ]
    matrix: NDArray[np.float64] = np.moveaxis(np.array(rows), 2, 0)
    return matrix


def zyz_from_matrix(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `(n, 3)` a, b, c [degrees] of matrices x, y, z; b is 0 to 180.

    Where b is 0 or 180 only the sum or difference of a and c is certain: a is 0 then.
    """
    m = np.moveaxis(matrix, 0, 2)
    steep = np.hypot(m[0, 2], m[1, 2])
    # So near to the pole, what is left of a is rounding.
    a = np.where(steep > 1e-12, np.arctan2(m[1, 2], m[0, 2]), 0)
    a = np.where(np.isnan(steep), np.nan, a)
    b = np.arctan2(steep, m[2, 2])
    # Turned back by a, the middle row is that of Rz(c): exact for every b.
    c = np.arctan2(
        np.cos(a) * m[1, 0] - np.sin(a) * m[0, 0],
        np.cos(a) * m[1, 1] - np.sin(a) * m[0, 1],
    )
    angles: NDArray[np.float64] = np.rad2deg(np.stack([a, b, c], axis=1))
    return angles


def matrix_from_zxz(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `(n, 3, 3)` matrices Rz(a) Rx(b) Rz(c), as `matrix_from_zyz`."""
    # x is y turned back by 90 degrees about z.
    return matrix_from_zyz(angles + np.array([-90.0, 0.0, 90.0]))


def zxz_from_matrix(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `(n, 3)` a, b, c [degrees] of Rz(a) Rx(b) Rz(c), as `zyz_from_matrix`."""
    a, b, c = (zyz_from_matrix(matrix) + np.array([90.0, 0.0, -90.0])).T
    return np.stack([_wrapped(a), b, _wrapped(c)], axis=1)


def _wrapped(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return angles between -180 and 180 [degrees]."""
    wrapped: NDArray[np.float64] = (angle + 180) % 360 - 180
    return wrapped


def random_rotations(num: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return `(n, 3, 3)` rotations, all orientations equally likely."""
    a, c = rng.uniform(-180, 180, (2, num))
    b = np.rad2deg(np.arccos(rng.uniform(-1, 1, num)))
    return matrix_from_zyz(np.stack([a, b, c], axis=1))


def z_axis_along(direction_zyx: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `(n, 3, 3)` rotations, z, y, x, that turn the z axis into directions.

    They are Rz(a) Ry(b): the turn about the particle's own z axis is not known from a
    direction, and is 0.

    Parameters
    ----------
    direction_zyx
        `(n, 3)`, of any length but 0; NaN where unknown.
    """
    z, y, x = direction_zyx.T
    a, b = np.arctan2(y, x), np.arctan2(np.hypot(x, y), z)
    angles = np.rad2deg(np.stack([a, b, np.where(np.isnan(a), np.nan, 0)], axis=1))
    return reversed_axes(matrix_from_zyz(angles))
