"""Copick's transforms in tables: a 4 x 4 matrix in 16 columns, rows x, y, z, 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from picker.formats.picks.angles import rotation_from_matrix
from picker.formats.text import listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.formats.tables.columns import Table

TRANSFORM = tuple(f"transform_{row}{column}" for row in range(4) for column in range(4))
SHIFT = TRANSFORM[3:12:4]
LAST_ROW = TRANSFORM[12:]
TURN = tuple(name for name in TRANSFORM[:12] if name not in SHIFT)


def rotations(table: Table) -> NDArray[np.float64] | None:
    """Return `(n, 3, 3)` rotations; None if there are none, or all turn nothing.

    That of a row without a transform is not known.

    Raises
    ------
    ValueError
        If a column is missing, or a matrix is no rotation.
    """
    columns = [name for name in TURN if name in table]
    if not columns:
        return None
    if len(columns) < len(TURN):
        missing = [name for name in TURN if name not in table]
        raise ValueError(
            f"{table.path} has the columns {listed(columns)} without"
            f" {listed(missing)}; expected all or none of a rotation, fix the header"
        )
    values = [table.numbers(name, may_lack=True) for name in TURN]
    matrix = np.stack(values, axis=1).reshape(-1, 3, 3)
    return rotation_from_matrix(table.path, matrix, "pick")


def shifts(table: Table) -> NDArray[np.float64]:
    """Return `(n, 3)` shifts x, y, z [Å] of copick's transforms, 0 without any.

    A row without a transform is not moved, as copick's own default is the identity.
    """
    columns = [name for name in SHIFT if name in table]
    if not columns:
        return np.zeros((len(table), 3))
    if len(columns) < len(SHIFT):
        raise ValueError(
            f"{table.path} has the columns {listed(columns)}; expected all of"
            f" {', '.join(SHIFT)}, fix the header"
        )
    for name, value in zip(LAST_ROW, (0, 0, 0, 1), strict=True):
        if name in table:
            wrong = set(table.numbers(name, may_lack=True).tolist()) - {value}
            wrong = {number for number in wrong if number == number}
            if wrong:
                raise ValueError(
                    f"{table.path} has {name} {listed(map(str, sorted(wrong)))};"
                    f" expected {value}, as in the last row of every transform"
                )
    shifts = [table.numbers(name, may_lack=True) for name in SHIFT]
    return np.nan_to_num(np.stack(shifts, axis=1))
