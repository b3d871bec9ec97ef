"""Tables that stages wrote, as the arrays and groups that the page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray


def training_columns(
    rows: Iterable[Mapping[str, str | None]],
) -> dict[str, NDArray[np.float64]]:
    """Return the rows of a training log, read as text, as columns.

    A missing value is NaN, for not every step has every number.
    """
    columns: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(float(value) if value else np.nan)
    return {name: np.array(values) for name, values in columns.items()}


def reproducibility_columns(
    rows: Iterable[Mapping[str, str]],
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Return the rows of the table of reproducibility, read as text, by class.

    The columns of a class are those of the table (threshold falling); an empty cell is
    NaN.
    """
    by_class: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        values = {name: value for name, value in row.items() if name != "particle"}
        by_class.setdefault(row["particle"], []).append(values)
    return {name: training_columns(members) for name, members in by_class.items()}


def curve_columns(
    rows: Iterable[Mapping[str, str]],
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Return the rows of `curves.curve_rows`, read as text, as columns by class.

    The columns of a class are `threshold` (falling), `precision` and `recall`; of
    `evaluate_partial.recall_rows` `picks` stand for `precision`.
    """
    curves: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        curve = curves.setdefault(row["particle"], {})
        for name in row:
            if name != "particle":
                curve.setdefault(name, []).append(float(row[name]))
    return {
        particle: {name: np.array(values) for name, values in curve.items()}
        for particle, curve in curves.items()
    }


def counts_by_tomogram(
    rows: Iterable[Mapping[str, str]],
) -> dict[str, dict[str, Mapping[str, str]]]:
    """Return the rows of `evaluate.tomogram_rows`, read as text, by tomogram and class.

    Or those of `evaluate_partial.partial_tomogram_rows`.

    Both are in the order of the rows; the class `all` is every class together.
    """
    counts: dict[str, dict[str, Mapping[str, str]]] = {}
    for row in rows:
        counts.setdefault(row["tomogram"], {})[row["particle"]] = row
    return counts
