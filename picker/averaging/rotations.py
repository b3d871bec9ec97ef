"""Rotations that cover all orientations evenly, and those near one of them."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.transform import Rotation

if TYPE_CHECKING:
    from numpy.typing import NDArray

PSI = 1.533751168755204288118041
"""Positive root of ψ⁴ = ψ + 4."""


def even_rotations(num: int) -> NDArray[np.float32]:
    """Return `(num, 3, 3)` matrices that are spread evenly over all rotations.

    Source: M. Alexa (2022), Super-Fibonacci spirals: fast, low-discrepancy sampling of
    SO(3), CVPR, DOI 10.1109/CVPR52688.2022.00811.
    """
    place = np.arange(num) + 0.5
    near, far = np.sqrt(place / num), np.sqrt(1 - place / num)
    alpha, beta = 2 * np.pi * place / np.sqrt(2), 2 * np.pi * place / PSI
    quaternion = [
        *(near * np.sin(alpha), near * np.cos(alpha)),
        *(far * np.sin(beta), far * np.cos(beta)),
    ]
    return _matrices(Rotation.from_quat(np.stack(quaternion, axis=1)))


def small_rotations(angle: float) -> NDArray[np.float32]:
    """Return `(27, 3, 3)` rotations by -angle, 0 and angle [rad] about three axes.

    The first one is none.
    """
    vectors = sorted(product((-angle, 0.0, angle), repeat=3), key=np.linalg.norm)
    return _matrices(Rotation.from_rotvec(np.array(vectors)))


def spacing(num: int) -> float:
    """Return the distance of neighbours among `num` even rotations [rad]."""
    return float((8 * np.pi**2 / num) ** (1 / 3))


def _matrices(rotations: Rotation) -> NDArray[np.float32]:
    return np.asarray(rotations.as_matrix(), np.float32)
