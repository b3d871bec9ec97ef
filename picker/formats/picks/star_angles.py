"""Orientations beside the coordinates of a STAR file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from picker.formats.picks.angles import rotation_from_relion, told
from picker.formats.picks.star_shifts import TURNED
from picker.formats.text import listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.formats.tables.columns import Table

ANGLES = tuple(f"rlnAngle{angle}" for angle in ("Rot", "Tilt", "Psi"))


def rotations(
    table: Table,
) -> tuple[NDArray[np.float64] | None, tuple[str, ...]]:
    """Return `(n, 3, 3)` rotations of a table of RELION, Warp or M, and warnings.

    Where a subtomogram has angles of its own, R = A_subtomogram A_particle. None if
    there are no angles, or all are 0. Priors of angles are none.

    Raises
    ------
    ValueError
        If one or two of three columns are missing, or an angle is not a finite number.

    Source: RELION 5, src/jaz/tomography/particle_set.cpp, `getMatrix3x3`.
    """
    if [name for name in ANGLES if name in table] == [ANGLES[2]]:
        text = f"{table.path}: {ANGLES[2]} alone, an angle in an image, is not read"
        return None, (text,)
    particle, subtomogram = (_rotations(table, names) for names in (ANGLES, TURNED))
    if particle is None or subtomogram is None:
        rotation = subtomogram if particle is None else particle
    else:
        rotation = subtomogram @ particle
    return None if rotation is None else told(rotation), ()


def own_rotations(table: Table) -> NDArray[np.float64] | None:
    """Return `(n, 3, 3)` rotations of one of our own tables, NaN where unknown.

    Raises
    ------
    ValueError
        If one or two of three columns are missing, or one or two of three values.
    """
    if not _are_there(table, ANGLES):
        return None
    angles = _stacked(table, ANGLES, may_lack=True)
    lacks = np.isnan(angles)
    partly = np.flatnonzero(lacks.any(axis=1) & ~lacks.all(axis=1))
    if len(partly):
        row = int(partly[0])
        name = next(n for n, lack in zip(ANGLES, lacks[row], strict=True) if lack)
        raise ValueError(
            f"{table.path}: {table.row} {row + 1} has no {name} but other angles;"
            " expected all three, or nan in all three of a pick whose orientation is"
            f" not known; fix the {table.row}"
        )
    return rotation_from_relion(angles)


def _rotations(table: Table, names: tuple[str, ...]) -> NDArray[np.float64] | None:
    if not _are_there(table, names):
        return None
    return rotation_from_relion(_stacked(table, names, may_lack=False))


def _are_there(table: Table, names: tuple[str, ...]) -> bool:
    """Return whether a table has all of three columns, and not none.

    Raises
    ------
    ValueError
        If it has one or two.
    """
    present = [name for name in names if name in table]
    if 0 < len(present) < len(names):
        raise ValueError(
            f"{table.path} has {listed(present)} alone; expected all of"
            f" {listed(names)}, or none of them: add the others (0 where they do not"
            " matter)"
        )
    return bool(present)


def _stacked(
    table: Table, names: tuple[str, ...], *, may_lack: bool
) -> NDArray[np.float64]:
    columns = [table.numbers(name, may_lack=may_lack) for name in names]
    return np.stack(columns, axis=1)
