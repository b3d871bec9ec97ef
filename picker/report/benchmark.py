"""The paper's four tables and two figures, from trainings that differ in a few things.

Source: Wang et al. 2025, SemiETPicker, tables 1 to 4.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from pydantic import BaseModel, ConfigDict

from picker.config.methods import METHODS, MethodName
from picker.config.methods import Row as MethodRow
from picker.report.svg import STYLE, svg_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Row = dict[str, str | float]


class Cell(BaseModel):
    """One training: what was trained on what, how well it picks and how fast."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: MethodName
    variant: str = ""
    """Name of the method with other settings; empty: it has those of the project."""
    labeled: int
    """Number of labeled tomograms."""
    seed: int
    seconds: float
    """Time to find the candidates of one tomogram [s]."""
    shape_zyx: tuple[int, int, int]
    """Of that tomogram [voxels]."""
    device: str
    """What it was found on."""
    f1: dict[str, dict[str, float | None]]
    """Match distance [radii]: F1 of each particle and their mean; None is unknown."""

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.variant or self.method


def accuracy_table(cells: Sequence[Cell]) -> list[Row]:
    """Return table 1: mean F1 at each match distance, by method and labels."""
    return [
        _of(method, labeled)
        | _merged(
            _statistics(f"f1@{distance}", (c.f1[distance]["mean"] for c in group))
            for distance in group[0].f1
        )
        | {"seeds": len(group)}
        for (method, labeled), group in _groups(cells).items()
    ]


def particle_table(cells: Sequence[Cell]) -> list[Row]:
    """Return table 2: F1 of each particle at the first match distance."""
    return [
        _of(method, labeled)
        | {"particle": name}
        | _statistics(f"f1@{first}", (c.f1[first][name] for c in group))
        | {"seeds": len(group)}
        for (method, labeled), group in _groups(cells).items()
        for first in list(group[0].f1)[:1]
        for name in group[0].f1[first]
        if name != "mean"
    ]


def ablation_table(cells: Sequence[Cell]) -> list[Row]:
    """Return table 3: what each part of a method adds, with the most labels.

    Parts are a method's further stages of training and its options. Rows from the
    first stage alone to all parts.
    """
    rows = []
    for (method, labeled), group in _groups(_most_labels(cells)).items():
        parts = None if group[0].variant else _parts(METHODS[group[0].method])
        if parts is None:
            continue
        first = next(iter(group[0].f1))
        row: Row = {name: "yes" if on else "no" for name, on in parts.items()}
        row |= _of(method, labeled)
        row |= _statistics(f"f1@{first}", (c.f1[first]["mean"] for c in group))
        rows.append((sum(parts.values()), row | {"seeds": len(group)}))
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def _parts(row: MethodRow) -> dict[str, bool] | None:
    """Return which parts a method has; None if it is no step to the published one.

    That of a method with further stages and no options depends on the settings.
    """
    whole = [other for other in METHODS.values() if len(other.stages) > 1]
    whole = [other for other in whole if other.network == row.network]
    as_set = len(row.stages) > 1 and not row.options
    if not whole or as_set or not _labels_alone(row):
        return None
    options = [name for other in whole for name in other.options]
    further = {stage.name: stage in row.stages for stage in whole[0].stages[1:]}
    is_whole = all(further.values())
    return further | {
        name: is_whole and bool(row.options[name]) for name in dict.fromkeys(options)
    }


def _labels_alone(row: MethodRow) -> bool:
    """Return whether a method sees no more labels than others."""
    return all("unlabeled" not in stage.labeled for stage in row.stages)


def speed_table(cells: Sequence[Cell]) -> list[Row]:
    """Return table 4: seconds a tomogram and F1 of each network, slowest first."""
    rows: list[Row] = []
    for (method, labeled), group in _groups(_most_labels(cells)).items():
        known = METHODS[group[0].method]
        if len(known.stages) != 1 or not _labels_alone(known):
            continue
        first = next(iter(group[0].f1))
        rows.append(
            _of(method, labeled)
            | _statistics("seconds", (c.seconds for c in group))
            | _statistics(f"f1@{first}", (c.f1[first]["mean"] for c in group))
            | {
                "shape_zyx": "×".join(str(size) for size in group[0].shape_zyx),
                "device": group[0].device,
                "seeds": len(group),
            }
        )
    return sorted(rows, key=lambda row: -float(row["seconds_mean"]))


def draw_accuracy(cells: Sequence[Cell]) -> str:
    """Return an SVG of table 1: a bar a method and number of labels, spread as a line.

    At the first match distance.
    """
    rows = accuracy_table(cells)
    key = next(name for name in rows[0] if name.endswith("_mean"))
    methods = list(dict.fromkeys(str(row["method"]) for row in rows))
    budgets = sorted({int(row["labeled"]) for row in rows})
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.5 + 0.8 * len(methods), 3), layout="constrained")
        axes = figure.add_subplot()
        for i, labeled in enumerate(budgets):
            bars = [row for row in rows if row["labeled"] == labeled]
            place = np.array([methods.index(str(row["method"])) for row in bars])
            axes.bar(
                place + (i + 0.5) * 0.8 / len(budgets) - 0.4,
                [_number(row[key]) for row in bars],
                0.8 / len(budgets),
                yerr=[_number(row[key.replace("_mean", "_sd")]) for row in bars],
                label=f"{labeled} labeled",
            )
        axes.set_xticks(range(len(methods)), methods, rotation=30, ha="right")
        axes.set(ylim=(0, 1), ylabel=key.removesuffix("_mean").upper())
        axes.legend(frameon=False)
        return svg_of(figure)


def draw_speed(cells: Sequence[Cell]) -> str:
    """Return an SVG of table 4: F1 against seconds a tomogram, a dot a network."""
    rows = speed_table(cells)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4, 3), layout="constrained")
        axes = figure.add_subplot()
        for row in rows:
            f1 = next(k for k in row if k.startswith("f1@") and k.endswith("_mean"))
            at = (float(row["seconds_mean"]), _number(row[f1]))
            axes.plot(*at, "o")
            axes.annotate(str(row["method"]), at, (4, 4), textcoords="offset points")
        axes.set(xscale="log", ylim=(0, 1), xlabel="seconds a tomogram", ylabel="F1")
        # Within one decade matplotlib would label 3, 4 and 6 as well, on each other.
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        return svg_of(figure)


def _groups(cells: Iterable[Cell]) -> dict[tuple[str, int], list[Cell]]:
    """Return the seeds of each method or variant and number of labels."""
    groups: dict[tuple[str, int], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.name, cell.labeled), []).append(cell)
    return groups


def _of(method: str, labeled: int) -> Row:
    """Return the columns that say what a row is of."""
    return {"method": method, "labeled": labeled}


def _most_labels(cells: Sequence[Cell]) -> list[Cell]:
    most = max(cell.labeled for cell in cells)
    return [cell for cell in cells if cell.labeled == most]


def _statistics(name: str, values: Iterable[float | None]) -> Row:
    """Return mean and sample standard deviation; empty where there is none."""
    known = [value for value in values if value is not None]
    return {
        f"{name}_mean": statistics.fmean(known) if known else "",
        f"{name}_sd": statistics.stdev(known) if len(known) > 1 else "",
    }


def _merged(rows: Iterable[Row]) -> Row:
    return {key: value for row in rows for key, value in row.items()}


def _number(value: str | float) -> float:
    """Return a number to draw: nothing is drawn for none."""
    return float("nan") if value == "" else float(value)
