"""Shifts that a refinement leaves beside the coordinates of a STAR file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from picker.core.rotations import reversed_axes
from picker.formats.picks.angles import rotation_from_relion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.formats.tables.columns import Table

ORIGIN = tuple(f"rlnOrigin{axis}Angst" for axis in "XYZ")
IN_PIXELS = tuple(f"rlnOrigin{axis}" for axis in "XYZ")
TURNED = tuple(f"rlnTomoSubtomogram{angle}" for angle in ("Rot", "Tilt", "Psi"))


def shifts(table: Table) -> tuple[NDArray[np.float64] | None, tuple[str, ...]]:
    """Return `(n, 3)` what a refinement adds to x, y, z [Å], and warnings.

    RELION's origin is subtracted from the coordinate. Where a subtomogram has angles of
    its own, they first rotate the origin into the tomogram. The prior of the origin
    (rlnOriginXPriorAngst) is no shift. Origins in pixels (rlnOriginX) are left out,
    because the size of those pixels is not certain.

    Source: RELION 5, src/jaz/tomography/particle_set.cpp, `getPosition`, and
    src/jaz/math/Euler_angles_relion.h; Warp,
    WarpTools/Commands/Tiltseries/ExportParticlesTiltseries.cs.
    """
    pixels = next((name for name in IN_PIXELS if _has_any(table, name)), None)
    warnings: tuple[str, ...] = ()
    if pixels:
        text = f"{table.path}: {pixels} is not applied, its pixels have no certain size"
        warnings = (f"{text}; add the shifts to the coordinates",)
    if not any(_has_any(table, name) for name in ORIGIN):
        return None, warnings
    origin = _three_columns(table, ORIGIN)
    if any(_has_any(table, name) for name in TURNED):
        turn_xyz = reversed_axes(rotation_from_relion(_three_columns(table, TURNED)))
        origin = (turn_xyz @ origin[:, :, None])[:, :, 0]
    return -origin, warnings


def _has_any(table: Table, name: str) -> bool:
    return name in table and bool(table.numbers(name).any())


def _three_columns(table: Table, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Return `(n, 3)` numbers of three columns, 0 where there is no such column."""
    columns = [
        table.numbers(name) if name in table else np.zeros(len(table)) for name in names
    ]
    return np.stack(columns, axis=1)
