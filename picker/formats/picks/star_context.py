"""Columns of what lies around picks, beside the coordinates of a STAR file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from picker.core.picks import Picks
    from picker.formats.tables.columns import Table

CONTEXT = {
    "membrane": "pickerMembraneDistance",
    "faces": "pickerFaceDistance",
    "edge": "pickerEdgeDistance",
    "gold": "pickerGoldDistance",
    "density": "pickerDensity",
    "class_density": "pickerClassDensity",
}
"""What is measured: its column. Distances are in Å, densities in 1/µm³ or 1/µm²."""
DIGITS = 2
"""Decimals in files: measured distances have no more."""


def context_of(table: Table) -> dict[str, NDArray[np.float64]]:
    """Return what a table says of its picks' surroundings, NaN where it does not.

    Raises
    ------
    ValueError
        If a value is no number.
    """
    return {
        name: table.numbers(column, may_lack=True, may_be_infinite=True)
        for name, column in CONTEXT.items()
        if column in table
    }


def context_names(every: Iterable[Picks]) -> list[str]:
    """Return what is known of any of several sets of picks, in the columns' order."""
    known = {name for picks in every for name in picks.context}
    return [name for name in CONTEXT if name in known]


def context_columns(names: Sequence[str]) -> list[str]:
    """Return the columns of what is measured."""
    return [CONTEXT[name] for name in names]


def context_rows(picks: Picks, names: Sequence[str]) -> list[list[str]]:
    """Return for each pick the cells of its columns, nan where it is not known."""
    unknown = ["nan"] * len(picks)
    cells = [
        _texts(picks.context[name]) if name in picks.context else unknown
        for name in names
    ]
    return [[column[row] for column in cells] for row in range(len(picks))]


def _texts(values: NDArray[np.float64]) -> list[str]:
    return [repr(round(value, DIGITS) + 0.0) for value in values.tolist()]
