"""Each program's Euler angles [degrees] of rotations.

A rotation R turns the particle as its reference shows it into the tomogram, and acts on
z, y, x (`picker.core.picks`); here it is written as it acts on x, y, z.

RELION, Warp, M: R⁻¹ = Rz(rot) Ry(tilt) Rz(psi). Dynamo: R⁻¹ = Rz(narot) Rx(tilt)
Rz(tdrot). STOPGAP, AV3, PEET, ArtiaX: R = Rz(psi) Rx(theta) Rz(phi).

Source: RELION, src/jaz/tomography/particle_set.cpp, `getMatrix4x4`, and
src/jaz/math/Euler_angles_relion.h; alisterburt/eulerangles 1.0.2; turonova/cryoCAT,
cryocat/core/cryomotl.py; chanzuckerberg/cryoet-data-portal-backend,
ingestion_tools/scripts/common/point_converter.py; PEET, slicer2motl.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from picker.core.rotations import (
    ROUNDED,
    first_bad,
    identities,
    matrix_from_zxz,
    matrix_from_zyz,
    nearest,
    reversed_axes,
    zxz_from_matrix,
    zyz_from_matrix,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

DECIMALS = 6
"""Of angles in files for other programs."""


def relion_from_rotation(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `(n, 3)` rot, tilt, psi of `(n, 3, 3)` rotations."""
    return zyz_from_matrix(_inverse(reversed_axes(rotation)))


def rotation_from_relion(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `(n, 3, 3)` rotations of `(n, 3)` rot, tilt, psi."""
    return reversed_axes(_inverse(matrix_from_zyz(angles)))


def dynamo_from_rotation(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `(n, 3)` tdrot, tilt, narot of `(n, 3, 3)` rotations."""
    return zxz_from_matrix(_inverse(reversed_axes(rotation)))[:, ::-1]


def rotation_from_dynamo(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `(n, 3, 3)` rotations of `(n, 3)` tdrot, tilt, narot."""
    return reversed_axes(_inverse(matrix_from_zxz(angles[:, ::-1])))


def motl_from_rotation(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `(n, 3)` phi, psi, theta of `(n, 3, 3)` rotations, as in motive lists."""
    return zxz_from_matrix(reversed_axes(rotation))[:, [2, 0, 1]]


def rotation_from_motl(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `(n, 3, 3)` rotations of `(n, 3)` phi, psi, theta."""
    return reversed_axes(matrix_from_zxz(angles[:, [1, 2, 0]]))


def rotation_from_matrix(
    path: Path, matrix_xyz: NDArray[np.float64], where: str
) -> NDArray[np.float64] | None:
    """Return the rotations of a file's matrices, None if they turn nothing.

    Parameters
    ----------
    path
        The file, for messages.
    matrix_xyz
        `(n, 3, 3)`, with numbers that may be rounded; NaN where unknown.
    where
        What the file calls a row; its number from 1 follows.

    Raises
    ------
    ValueError
        If a matrix is no rotation.
    """
    if found := first_bad(matrix_xyz, ROUNDED):
        row, why = found
        raise ValueError(
            f"{path}, {where} {row + 1} has a matrix that {why}; expected a rotation,"
            " three rows of three numbers, at right angles, of length 1 and"
            " right-handed; fix it"
        )
    return told(reversed_axes(nearest(matrix_xyz)))


def told(rotation: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return rotations that a file tells; None if none turns anything.

    Programs write the identity, or angles of 0, where nobody knows the orientation.
    """
    turns = ~np.isnan(rotation) & (rotation != np.eye(3))
    return rotation if turns.any() else None


def rounded_angles(angles: NDArray[np.float64]) -> list[float]:
    """Return one row of angles [degrees] with six decimals at most, and no -0.0."""
    return [round(float(angle), DECIMALS) + 0.0 for angle in angles]


def or_identity(rotation: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return a rotation as `(1, 3, 3)`; the identity if it is not known."""
    return identities(1) if rotation is None else rotation[None]


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return matrix.transpose(0, 2, 1)
