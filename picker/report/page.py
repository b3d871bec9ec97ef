"""One page to look at: problems, numbers, curves and thumbnails, in a single file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from picker.config.methods import METHODS
from picker.report.charts import (
    DIFFERENCE,
    draw_curves,
    draw_histogram,
    draw_reliability,
    draw_reproducibility,
    draw_training,
)
from picker.report.proposals import ANY_CLASS
from picker.report.templates import FOLDER, template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from picker.report.data import ReportData, TomogramRecord

MAX_TOMOGRAMS = 5000
"""Longest table of tomograms' picks, which can be searched: 0.5 kB a row."""
MAX_THUMBNAILS = 200
"""Pictures on the page; up to 10 kB each."""
MAX_ROWS = 200
"""Longest list of problems."""
FIRST_ROWS = 50
"""Rows of tables of which the first ones tell most, and of those that need no
scrolling."""
LOW_F = 0.2
"""Of a class where its threshold was chosen: below it most picks must be wrong."""
LEARNS_FROM = {
    "pretrain": "learns from proposals, without labels",
    "self_train": "learns from what the network before finds, without labels",
    "burn_in": "learns from labels",
    "co_train": "learns from labels, and from what its teacher finds elsewhere",
    "fine_tune": "learns from labels",
}
"""What each stage learns from, for the titles of its curves."""
NUM_NAMED = 5
"""Tomograms to label next, and tomograms to distrust, that are named."""


def render_report(data: ReportData) -> str:
    """Return the page as HTML that holds its pictures and loads nothing.

    It links to the pages of the tomograms that have one.
    """
    names = [particle.name for particle in data.particles]
    done = [t for t in data.tomograms if t.error is None]
    counts = np.array([[t.num_picks.get(n, 0) for n in names] for t in done], np.int64)
    counts = counts.reshape(len(done), len(names))
    metrics = data.metrics or {}
    # Naming the first few of a ranking says nothing where these are all there are.
    num_named = NUM_NAMED if len(data.label_next) > NUM_NAMED else 0
    return template("page.html.j2").render(
        data=data,
        names=names,
        done=done,
        failed=[t for t in data.tomograms if t.error is not None],
        warnings=_tomograms_by_warning(data.tomograms),
        num_warnings=sum(len(t.warnings) for t in data.tomograms),
        rows=done[:MAX_TOMOGRAMS],
        thumbnails=data.thumbnails[:MAX_THUMBNAILS],
        table_script=Markup(FOLDER.joinpath("table.js").read_text("utf-8")),
        max_rows=MAX_ROWS,
        first_rows=FIRST_ROWS,
        least_sure=_least_sure(done)[:num_named],
        chance_is_measured=_is_measured(done),
        label_next=data.label_next[:num_named],
        regions=data.regions[:NUM_NAMED],
        totals=counts.sum(axis=0).tolist(),
        spread=[_spread(counts[:, i]) for i in range(len(names))] if done else [],
        metrics=metrics,
        measures=[key for key in metrics if "@" in key],
        is_partial="n" in metrics,
        rules={name: rule for name, rule in data.rules.items() if rule["partial"]},
        weak=_hardly_learned(data.rules),
        settings={name: _flat(section) for name, section in data.settings.items()},
        training={
            stage: charts
            for stage, columns in data.training.items()
            if (charts := draw_training(columns, data.particles))
        },
        learns_from=LEARNS_FROM,
        needs_labels=data.method in METHODS and METHODS[data.method].needs_labels,
        any_class=ANY_CLASS,
        has_teacher=any(DIFFERENCE in columns for columns in data.training.values()),
        histograms=[
            draw_histogram(data.histograms[p.name], p, data.thresholds.get(p.name))
            for p in data.particles
            if p.name in data.histograms
        ],
        curves=draw_curves(data.curves, data.particles, data.thresholds),
        reliability=draw_reliability(data.reliability, data.particles, data.thresholds),
        halves=draw_reproducibility(data.reproducibility, data.particles),
        halved={
            name: {
                key: values[curve["is_threshold"] == 1] for key, values in curve.items()
            }
            for name, curve in data.reproducibility.items()
        },
        hrefs={t.tomogram: f"{data.pages}/{t.href}" for t in data.thumbnails},
    )


def _tomograms_by_warning(tomograms: Sequence[TomogramRecord]) -> dict[str, list[str]]:
    """Return each warning with the names of the tomograms that have it."""
    names: dict[str, list[str]] = {}
    for tomogram in tomograms:
        for warning in tomogram.warnings:
            names.setdefault(warning, []).append(tomogram.tomogram)
    return names


def _flat(section: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings as `outer.inner: text`."""
    lines: dict[str, str] = {}
    for key, value in section.items():
        if isinstance(value, dict) and value:
            lines |= _flat(value, f"{prefix}{key}.")
        else:
            lines[prefix + key] = value if isinstance(value, str) else json.dumps(value)
    return lines


def _hardly_learned(rules: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return the classes of low F where their thresholds were chosen, and that F."""
    known = {name: rule["f"] for name, rule in rules.items() if rule["num_truth"]}
    return {name: f for name, f in known.items() if f is not None and f < LOW_F}


def _least_sure(tomograms: Sequence[TomogramRecord]) -> list[str]:
    """Return the tomograms without labels, those of the least likely picks first.

    Where it is measured, by the chance that picks are right: a score means another
    chance in each class. Else by the mean score. Those without picks come first.
    """
    chosen = [t for t in tomograms if t.split in ("unlabeled", "predict")]

    def sureness(tomogram: TomogramRecord) -> float:
        value = (
            tomogram.chance_right if _is_measured(tomograms) else tomogram.mean_score
        )
        return -1.0 if value is None else value

    chosen.sort(key=sureness)
    return [tomogram.tomogram for tomogram in chosen]


def _is_measured(tomograms: Sequence[TomogramRecord]) -> bool:
    """Return whether it is known how likely picks are right."""
    return any(tomogram.chance_right is not None for tomogram in tomograms)


def _spread(counts: NDArray[np.int64]) -> dict[str, float]:
    """Return how one class's number of picks differs between tomograms."""
    return {
        "mean": float(counts.mean()),
        "median": float(np.median(counts)),
        "least": int(counts.min()),
        "most": int(counts.max()),
    }
