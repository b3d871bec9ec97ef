"""One page to look at: problems, numbers, curves and pictures, in a single file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import resources
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, StrictUndefined

from picker.report.draw import (
    draw_curves,
    draw_histogram,
    draw_reliability,
    draw_training,
    framed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.report.draw import Picture
    from picker.scoring.reliability import Reliability

MAX_ROWS = 200  # longest table of tomograms
FIRST_ROWS = 50  # rows shown of a longer one
NAMED = 5  # tomograms to label next, and those to distrust


@dataclass(frozen=True, kw_only=True, slots=True)
class TomogramRecord:
    """What the tables say of one tomogram.

    Attributes
    ----------
    tomogram, split
        Its name, and what it was used for.
    mean_score
        Of its picks; None without any.
    num_picks, num_truth
        Picks and known particles of each class; None where nothing is known.
    warnings
        What was odd about it.
    error
        Why it failed; None if it did not.
    """

    tomogram: str
    split: str = ""
    num_picks: Mapping[str, int] = field(default_factory=dict)
    num_truth: Mapping[str, int] | None = None
    mean_score: float | None = None
    warnings: Sequence[str] = ()
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StageCost:
    """What the jobs of one stage took.

    Attributes
    ----------
    num_jobs
        How many are counted: a stage's last run of each.
    seconds, longest
        Wall time of all together and of the longest [s].
    memory
        Largest resident memory of any [MB]; None where none ran long enough to tell.
    """

    num_jobs: int
    seconds: float
    longest: float
    memory: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportData:
    """Everything that the page shows; what is empty is left out of it.

    Attributes
    ----------
    method
        Name of the method.
    particles
        The classes.
    tomograms
        One record each, the failed ones too.
    settings
        Settings of each section as they lie in its JSON file.
    training
        For each stage the columns of its log, `step` among them; see
        `training_columns`.
    histograms
        For each class `score_histogram`, summed over tomograms.
    thresholds
        Score from which a candidate of the class became a pick.
    metrics
        Numbers of `evaluate.metrics`.
    curves
        For each class the arrays threshold (falling), precision and recall.
    by_tomogram
        For each tomogram, worst first, and class what `counts_by_tomogram` gives.
    reliability
        For each class what a score is worth, where held-out tomograms tell.
    estimate
        Rows of the pick stage's table of what to expect without truth.
    label_next
        Tomograms without labels, those that teach the most first.
    regions
        Rows of the table of regions to label, the fullest first.
    costs
        What each stage took, in the order of the stages.
    pictures
        Read one at a time and once, so a generator keeps memory flat.
    max_pictures
        No more than these are read.
    notes
        Lines under the headline, such as where the tomograms come from.
    """

    method: str
    particles: Sequence[Particle]
    tomograms: Sequence[TomogramRecord]
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    training: Mapping[str, Mapping[str, NDArray[np.float64]]] = field(
        default_factory=dict
    )
    histograms: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, Any] | None = None
    curves: Mapping[str, Mapping[str, NDArray[np.float64]]] = field(
        default_factory=dict
    )
    by_tomogram: Mapping[str, Mapping[str, Mapping[str, str]]] = field(
        default_factory=dict
    )
    reliability: Mapping[str, Reliability] = field(default_factory=dict)
    estimate: Sequence[Mapping[str, str]] = ()
    label_next: Sequence[str] = ()
    regions: Sequence[Mapping[str, str]] = ()
    costs: Mapping[str, StageCost] = field(default_factory=dict)
    pictures: Iterable[Picture] = ()
    max_pictures: int = 50
    notes: Sequence[str] = ()


def render_report(data: ReportData) -> str:
    """Return the page as HTML that loads nothing from anywhere else."""
    text = resources.files("picker.report").joinpath("page.html.j2").read_text("utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "number": _number,
        "measure": _measure,
        "duration": _duration,
    }
    environment.globals |= {"plural": _plural}
    names = [p.name for p in data.particles]
    done = [t for t in data.tomograms if t.error is None]
    counts = np.array([[t.num_picks.get(n, 0) for n in names] for t in done], np.int64)
    counts = counts.reshape(len(done), len(names))
    warnings: dict[str, list[str]] = {}
    for tomogram in data.tomograms:
        for warning in tomogram.warnings:
            warnings.setdefault(warning, []).append(tomogram.tomogram)
    metrics = data.metrics or {}
    return environment.from_string(text).render(
        data=data,
        names=names,
        done=done,
        failed=[t for t in data.tomograms if t.error is not None],
        warnings=warnings,
        num_warnings=sum(len(t.warnings) for t in data.tomograms),
        rows=done if len(done) <= MAX_ROWS else done[:FIRST_ROWS],
        max_rows=MAX_ROWS,
        first_rows=FIRST_ROWS,
        least_sure=_least_sure(done)[:NAMED] if len(data.label_next) > NAMED else [],
        label_next=data.label_next[:NAMED] if len(data.label_next) > NAMED else [],
        regions=data.regions[:NAMED],
        totals=counts.sum(axis=0).tolist(),
        spread=[_spread(counts[:, i]) for i in range(len(names))] if done else [],
        metrics=metrics,
        measures=[key for key in metrics if "@" in key],
        settings={k: _flat(v) for k, v in data.settings.items()},
        training={k: c for k, v in data.training.items() if (c := draw_training(v))},
        histograms=[
            draw_histogram(data.histograms[p.name], p, data.thresholds.get(p.name))
            for p in data.particles
            if p.name in data.histograms
        ],
        curves=draw_curves(data.curves, data.particles, data.thresholds),
        reliability=draw_reliability(data.reliability, data.particles, data.thresholds),
        pictures=(
            framed(p, data.particles) for p in islice(data.pictures, data.max_pictures)
        ),
    )


def training_columns(
    rows: Iterable[Mapping[str, str | None]],
) -> dict[str, NDArray[np.float64]]:
    """Return a log's rows, such as those of `csv.DictReader`, as columns.

    A missing value is NaN, for not every step has every number.
    """
    columns: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(float(value) if value else np.nan)
    return {name: np.array(values) for name, values in columns.items()}


def stage_cost(rows: Iterable[Mapping[str, str | None]]) -> StageCost | None:
    """Return what jobs took, from one row of a Snakemake benchmark file for each.

    Rows that a killed job cut short are left out; None if none is left.
    """
    known = [row for row in rows if row.get("s") and row.get("max_rss")]
    if not known:
        return None
    seconds = [float(row["s"] or 0) for row in known]
    # A job of less than some seconds ends before it is looked at.
    memory = [m for row in known if (m := row["max_rss"]) not in ("-", "NA", None)]
    return StageCost(
        num_jobs=len(known),
        seconds=sum(seconds),
        longest=max(seconds),
        memory=max(map(float, memory)) if memory else None,
    )


def _duration(seconds: float) -> str:
    """Return h:mm:ss."""
    return str(timedelta(seconds=round(seconds)))


def curve_columns(
    rows: Iterable[Mapping[str, str]],
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Return the rows of `evaluate.curve_rows`, read as text, as arrays by class."""
    lists: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        of = lists.setdefault(row["particle"], {})
        for name in ("threshold", "precision", "recall"):
            of.setdefault(name, []).append(float(row[name]))
    return {k: {n: np.array(v) for n, v in of.items()} for k, of in lists.items()}


def counts_by_tomogram(
    rows: Iterable[Mapping[str, str]],
) -> dict[str, dict[str, Mapping[str, str]]]:
    """Return the rows of `evaluate.tomogram_rows`, read as text, by tomogram and class.

    Both in the order of the rows; the class `all` is every class together.
    """
    found: dict[str, dict[str, Mapping[str, str]]] = {}
    for row in rows:
        found.setdefault(row["tomogram"], {})[row["particle"]] = row
    return found


def _flat(section: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings as `outer.inner: text`."""
    lines: dict[str, str] = {}
    for key, value in section.items():
        if isinstance(value, dict) and value:
            lines |= _flat(value, f"{prefix}{key}.")
        else:
            lines[prefix + key] = value if isinstance(value, str) else json.dumps(value)
    return lines


def _least_sure(tomograms: Sequence[TomogramRecord]) -> list[str]:
    """Return the tomograms without labels, those with the lowest mean score first."""
    chosen = [t for t in tomograms if t.split in ("unlabeled", "predict")]
    chosen.sort(key=lambda t: -1.0 if t.mean_score is None else t.mean_score)
    return [tomogram.tomogram for tomogram in chosen]


def _spread(counts: NDArray[np.int64]) -> dict[str, float]:
    """Return what one row says of a class in all tomograms."""
    return {
        "mean": float(counts.mean()),
        "median": float(np.median(counts)),
        "least": int(counts.min()),
        "most": int(counts.max()),
    }


def _measure(key: str) -> str:
    """Return a column's title: `f1@0.5` is F1 at 0.5 radii."""
    name, distance = key.split("@")
    return f"{name.capitalize()} at {distance} r"


def _plural(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _number(value: float | None, digits: int = 2) -> str:
    """Return a number for people: a dash for none, commas between thousands."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"
