"""Charts as inline SVG: training, scores, precision and recall, reliability."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from picker.report.svg import STYLE as PLAIN
from picker.report.svg import svg_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.scoring.reliability import Reliability

CURRENT = "#010203"
"""Stands for the page's text color until the SVG is finished."""
STYLE = {
    **PLAIN,
    "axes.edgecolor": CURRENT,
    "axes.grid": True,
    "axes.labelcolor": CURRENT,
    "axes.titlecolor": CURRENT,
    "axes.titlesize": 10,
    "grid.alpha": 0.12,
    "grid.color": CURRENT,
    "text.parse_math": False,
    "xtick.color": CURRENT,
    "ytick.color": CURRENT,
}
DIFFERENCE = "student_teacher_difference"
"""The column that a stage with a teacher and a student has."""
PANELS = {
    "Loss": ("loss", "labeled_loss", "unlabeled_loss"),
    "Learning rate": ("learning_rate",),
    "F1 on validation tomograms": ("validation_f1",),
    "Student's difference from teacher": (DIFFERENCE,),
    "Steps a second": ("steps_per_second",),
}
PSEUDO = "pseudo_particles_"
"""How columns begin that have a class's pseudo-particles."""


def draw_training(
    columns: Mapping[str, NDArray[np.float64]], particles: Sequence[Particle]
) -> list[Markup]:
    """Return the charts of one stage's log: each panel whose columns it has.

    Parameters
    ----------
    columns
        As `training_columns` gives them; without `step` there is no chart.
    particles
        The classes.
    """
    charts: list[Markup] = []
    if "step" not in columns:
        return charts
    colors = {PSEUDO + particle.name: particle.color for particle in particles}
    for title, names in {**PANELS, "Pseudo-particles of each class": colors}.items():
        curves = {}
        for name in names:
            if name not in columns:
                continue
            if name == "labeled_loss" and "unlabeled_loss" not in columns:
                continue  # it is the whole loss, of labels or of proposals
            known = np.isfinite(columns[name]) & np.isfinite(columns["step"])
            if known.any():
                curves[name] = (columns["step"][known], columns[name][known])
        if not curves:
            continue
        figure, axes = new_chart(title, 2.85, 1.9)
        for name, (all_steps, all_values) in curves.items():
            step, value = _thinned(all_steps, all_values)
            marker = "." if len(step) < 15 else None
            axes.plot(step, value, lw=1.4, marker=marker, color=colors.get(name))
        if names is colors:
            axes.set_ylabel("in a million voxels")
        elif len(curves) > 1:
            labels = [name.replace("_", " ") for name in curves]
            axes.legend(labels, frameon=False, labelcolor=CURRENT, fontsize=8)
        if title == "Loss" and all((value > 0).all() for _, value in curves.values()):
            _log_scale(axes, (1, 2, 5))
        else:
            axes.set_ylim(bottom=0)
        axes.set_xlabel("step")
        charts.append(inline_svg(figure))
    return charts


def draw_histogram(
    counts: NDArray[np.int64], particle: Particle, threshold: float | None
) -> Markup:
    """Return a chart of one class's candidates by score, with its threshold.

    Parameters
    ----------
    counts
        `(n,)` candidates in each of n equal bins of [0, 1].
    particle
        The class.
    threshold
        Lowest score of a pick; None: not drawn.
    """
    figure, axes = new_chart(particle.name, 2.6, 1.9)
    edges = np.linspace(0, 1, len(counts) + 1)
    axes.set(xlim=(0, 1), ylim=(0.7, max(10.0, 2.0 * counts.max(initial=0))))
    axes.set(xlabel="score", ylabel="candidates")
    _log_scale(axes, (1,))
    axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=particle.color)
    if threshold is not None:
        axes.axvline(threshold, color=CURRENT, lw=1.2, ls="--")
        right = threshold > 0.6
        axes.annotate(
            f"{threshold:.2f}",
            (threshold, 1),
            (-3 if right else 3, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="right" if right else "left",
            va="top",
            color=CURRENT,
        )
    return inline_svg(figure)


def draw_curves(
    curves: Mapping[str, Mapping[str, NDArray[np.float64]]],
    particles: Sequence[Particle],
    thresholds: Mapping[str, float],
) -> Markup | None:
    """Return one chart of precision against recall, with a dot at each threshold.

    Where precision is not known it is of recall against the number of picks.

    Parameters
    ----------
    curves
        Class: its columns threshold (falling), precision or picks, and recall.
    particles, thresholds
        The classes; lowest score of a pick of each.

    Returns
    -------
    None without any curve.
    """
    shown = [p for p in particles if len(curves.get(p.name, {}).get("threshold", ()))]
    if not shown:
        return None
    is_partial = "picks" in curves[shown[0].name]
    title = "Recall among the best" if is_partial else "Precision and recall"
    across, up = ("picks", "recall") if is_partial else ("recall", "precision")
    figure, axes = new_chart(title, 5.2, 3.4)
    for particle in shown:
        curve = curves[particle.name]
        kept = curve["threshold"] >= thresholds.get(particle.name, np.inf)
        line = np.stack([curve[across], curve[up]])
        _line(axes, particle, line, line[:, np.flatnonzero(kept)[-1:]])
    axes.set(ylim=(0, 1.04), xlabel=across, ylabel=up)
    if is_partial:
        axes.set_xlim(left=0)
    else:
        axes.set_xlim(0, 1.02)
    axes.legend(
        frameon=False, labelcolor=CURRENT, loc="upper left", bbox_to_anchor=(1, 1)
    )
    return inline_svg(figure)


def draw_reliability(
    known: Mapping[str, Reliability],
    particles: Sequence[Particle],
    thresholds: Mapping[str, float],
) -> Markup | None:
    """Return one chart of the fraction right against score, a dot at each threshold.

    Parameters
    ----------
    known
        Class: its reliability, where it is known.
    particles, thresholds
        The classes; lowest score of a pick of each.

    Returns
    -------
    None without any curve.
    """
    shown = [p for p in particles if p.name in known and known[p.name].score]
    if not shown:
        return None
    figure, axes = new_chart("What a score is worth", 5.2, 3.4)
    for particle in shown:
        curve = known[particle.name]
        threshold = np.array([thresholds.get(particle.name, np.nan)])
        dot = (threshold, curve.chance(threshold))
        _line(axes, particle, (curve.score, curve.right), dot)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.04), xlabel="score", ylabel="fraction right")
    axes.legend(
        frameon=False, labelcolor=CURRENT, loc="upper left", bbox_to_anchor=(1, 1)
    )
    return inline_svg(figure)


def draw_reproducibility(
    columns: Mapping[str, Mapping[str, NDArray[np.float64]]],
    particles: Sequence[Particle],
) -> list[Markup]:
    """Return two charts against the threshold, with a dot at that of the picks.

    One is the fraction of a half's picks that the other half has too, one the precision
    to expect of whole tomograms.

    Parameters
    ----------
    columns
        Class: as `reproducibility_columns` gives them.
    particles
        The classes.
    """
    shown = [p for p in particles if p.name in columns]
    charts: list[Markup] = []
    for name, title in (
        ("found_again", "Found again in the other half"),
        ("expected_precision", "Expected precision"),
    ):
        if not any(np.isfinite(columns[p.name][name]).any() for p in shown):
            continue
        figure, axes = new_chart(title, 3.6, 2.8)
        for particle in shown:
            curve = columns[particle.name]
            chosen = curve["is_threshold"] == 1
            line = np.stack([curve["threshold"], curve[name]])
            _line(axes, particle, line, line[:, chosen])
        axes.set(xlim=(0, 1.02), ylim=(0, 1.04), xlabel="threshold", ylabel="fraction")
        charts.append(inline_svg(figure))
    return charts


def new_chart(title: str, width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty chart [inch] in the page's style."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(title, loc="left")
    return figure, axes


def _line(
    axes: Axes,
    particle: Particle,
    line: NDArray[np.float64] | tuple[Sequence[float], Sequence[float]],
    dot: NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    """Draw one class's line, x and y, with a dot at its threshold if it has one."""
    axes.plot(*line, color=particle.color, lw=1.5, label=particle.name)
    axes.plot(*dot, "o", color=particle.color, markeredgecolor=CURRENT)


def _log_scale(axes: Axes, labeled: tuple[int, ...]) -> None:
    """Make the vertical axis logarithmic, with plain numbers on it."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(10, labeled, numticks=8))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def inline_svg(figure: Figure) -> Markup:
    """Return a chart as inline SVG that takes the page's text color."""
    text = svg_of(figure, STYLE, transparent=True)
    text = text[text.index("<svg") :].replace(CURRENT, "currentColor")
    text = text.replace("xlink:href", "href")
    # Inline SVG needs no namespace; ids such as axes_1 would occur twice in a page.
    text = re.sub(r' xmlns(:xlink)?="[^"]*"| id="[\w.]*_\d+"', "", text)
    return Markup(text)


def _thinned(
    step: NDArray[np.float64], value: NDArray[np.float64], max_points: int = 200
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a curve of at most `max_points`, each the mean of neighbouring ones."""
    if len(step) <= max_points:
        return step, value
    parts = np.array_split(np.arange(len(step)), max_points)
    return (
        np.array([step[p].mean() for p in parts]),
        np.array([value[p].mean() for p in parts]),
    )
