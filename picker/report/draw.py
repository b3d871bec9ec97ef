"""Pictures of tomograms with their picks, and charts: PNG and inline SVG."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from PIL import Image
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.core.picks import Picks
    from picker.core.tomogram import Tomogram
    from picker.scoring.reliability import Reliability

MAX_PIXELS = 640  # longer side of a picture
MAX_ENLARGEMENT = 4.0  # pixels a voxel
NUM_GRAYS = 18  # few levels keep pictures of noise small
CURRENT = "#010203"  # stands for the page's text color until the SVG is finished
STYLE: dict[Any, Any] = {
    "axes.edgecolor": CURRENT,
    "axes.grid": True,
    "axes.labelcolor": CURRENT,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": CURRENT,
    "axes.titlesize": 10,
    "font.size": 9,
    "grid.alpha": 0.12,
    "grid.color": CURRENT,
    "svg.fonttype": "none",
    "svg.hashsalt": "picker",
    "text.parse_math": False,
    "xtick.color": CURRENT,
    "ytick.color": CURRENT,
}
PANELS = {
    "Loss": ("loss", "labeled_loss", "unlabeled_loss"),
    "Learning rate": ("learning_rate",),
    "F1 on validation tomograms": ("validation_f1",),
    "Steps a second": ("steps_per_second",),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A slab of one tomogram and the picks of the whole of it.

    Attributes
    ----------
    tomogram
        Name.
    slab
        `(y, x)` mean of a few neighbouring slices.
    voxel_size
        Edge of a voxel [Å].
    center_z
        Height of the slab's middle [Å].
    thickness
        Of the slab [Å].
    picks, truth
        Picks and, where there are any, known particles.
    """

    tomogram: str
    slab: NDArray[np.float32]
    voxel_size: float
    center_z: float
    thickness: float
    picks: Picks
    truth: Picks | None = None


def make_picture(
    tomogram: Tomogram, picks: Picks, truth: Picks | None = None, thickness: float = 50
) -> Picture:
    """Return the middle of a tomogram, averaged over about `thickness` [Å].

    Only these slices are read, so the volume may be a lazy array.
    """
    num, middle = tomogram.shape_zyx[0], tomogram.shape_zyx[0] // 2
    half = max(0, round(thickness / tomogram.voxel_size / 2 - 0.5))
    first, last = max(0, middle - half), min(num - 1, middle + half)
    return Picture(
        tomogram=tomogram.name,
        slab=np.asarray(tomogram.volume[first : last + 1], np.float32).mean(axis=0),
        voxel_size=tomogram.voxel_size,
        center_z=(first + last) / 2 * tomogram.voxel_size,
        thickness=(last - first + 1) * tomogram.voxel_size,
        picks=picks,
        truth=truth,
    )


def draw_tomogram(picture: Picture, particles: Sequence[Particle]) -> bytes:
    """Return a PNG of the slab with a circle where it cuts each particle.

    A circle is as wide as the sphere is at the slab's middle. Picks are solid,
    known particles dashed and 3 pixels wider. x runs to the right and y upwards,
    as in IMOD and RELION, and the image ends where the volume ends: its column c
    is voxel `c * nx / width`. Few gray levels and a palette keep the file small.

    Source: circle of a sphere of radius r cut at distance d, sqrt(r^2 - d^2).
    """
    num_y, num_x = picture.slab.shape
    width, height = _size(picture.slab.shape)
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    low, high = np.percentile(picture.slab, (0.5, 99.5))
    axes.imshow(
        picture.slab,
        cmap="gray",
        vmin=float(low),
        vmax=float(max(high, low + 1e-6)),
        origin="lower",
        interpolation="bilinear" if width > num_x else "antialiased",
        interpolation_stage="data",
        aspect="auto",
    )
    axes.set(xlim=(-0.5, num_x - 0.5), ylim=(-0.5, num_y - 0.5))
    axes.axis("off")
    for particle in particles:
        _add_circles(axes, picture, picture.picks, particle)
        if picture.truth is not None:
            _add_circles(axes, picture, picture.truth, particle, known=True)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return _small_png(np.asarray(canvas.buffer_rgba())[..., :3], particles)


def framed(picture: Picture, particles: Sequence[Particle]) -> dict[str, Any]:
    """Return a picture with what its axes and caption say; lengths in pixels."""
    width, height = _size(picture.slab.shape)
    nm = picture.voxel_size / 10
    per_nm = width / picture.slab.shape[1] / nm
    ticks = {}
    for axis, num in (("y", picture.slab.shape[0]), ("x", picture.slab.shape[1])):
        found = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(0, (num - 1) * nm)
        ticks[axis] = [
            ((value + nm / 2) * per_nm, f"{value:g}")
            for value in found
            if 0 <= value <= (num - 1) * nm
        ]
    bar = 10 ** np.floor(np.log10(width / per_nm / 4))
    bar *= max(m for m in (1, 2, 5) if bar * m <= width / per_nm / 4)
    shown = [_cut(picture, picture.picks.of(p.name), p.radius)[0] for p in particles]
    return {
        "tomogram": picture.tomogram,
        "width": width,
        "height": height,
        "png": base64.b64encode(draw_tomogram(picture, particles)).decode("ascii"),
        "ticks": ticks,
        "bar": (bar * per_nm, f"{bar:g} nm"),
        "center_nm": picture.center_z / 10,
        "thickness_nm": picture.thickness / 10,
        "num_shown": sum(len(s) for s in shown),
        "num_picks": len(picture.picks),
        "num_truth": None if picture.truth is None else len(picture.truth),
    }


def draw_training(columns: Mapping[str, NDArray[np.float64]]) -> list[Markup]:
    """Return a chart of each kind of column that the log has; none without steps."""
    charts: list[Markup] = []
    if "step" not in columns:
        return charts
    for title, wanted in PANELS.items():
        known = {
            name: np.isfinite(columns[name]) & np.isfinite(columns["step"])
            for name in wanted
            if name in columns
        }
        known = {name: which for name, which in known.items() if which.any()}
        if not known:
            continue
        figure, axes = _figure(title, 2.85, 1.9)
        for name, which in known.items():
            step, value = _thinned(columns["step"][which], columns[name][which])
            axes.plot(step, value, lw=1.4, marker="." if len(step) < 15 else None)
        if len(known) > 1:
            names = [name.replace("_", " ") for name in known]
            axes.legend(names, frameon=False, labelcolor=CURRENT, fontsize=8)
        if title == "Loss" and all((columns[n][w] > 0).all() for n, w in known.items()):
            _log_scale(axes, (1, 2, 5))
        else:
            axes.set_ylim(bottom=0)
        axes.set_xlabel("step")
        charts.append(_svg(figure))
    return charts


def draw_histogram(
    counts: NDArray[np.int64], particle: Particle, threshold: float | None
) -> Markup:
    """Return a chart of one class's candidates by score, with its threshold."""
    figure, axes = _figure(particle.name, 2.6, 1.9)
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
    return _svg(figure)


def draw_curves(
    curves: Mapping[str, Mapping[str, NDArray[np.float64]]],
    particles: Sequence[Particle],
    thresholds: Mapping[str, float],
) -> Markup | None:
    """Return one chart of precision against recall, a dot where the picks are."""
    shown = [p for p in particles if len(curves.get(p.name, {}).get("threshold", ()))]
    if not shown:
        return None
    figure, axes = _figure("Precision and recall", 5.2, 3.4)
    for particle in shown:
        curve = curves[particle.name]
        axes.plot(
            curve["recall"],
            curve["precision"],
            color=particle.color,
            lw=1.5,
            label=particle.name,
        )
        kept = curve["threshold"] >= thresholds.get(particle.name, np.inf)
        if kept.any():
            last = np.flatnonzero(kept)[-1]
            axes.plot(
                curve["recall"][last],
                curve["precision"][last],
                "o",
                color=particle.color,
                markeredgecolor=CURRENT,
            )
    axes.set(xlim=(0, 1.02), ylim=(0, 1.04), xlabel="recall", ylabel="precision")
    axes.legend(
        frameon=False, labelcolor=CURRENT, loc="upper left", bbox_to_anchor=(1, 1)
    )
    return _svg(figure)


def draw_reliability(
    known: Mapping[str, Reliability],
    particles: Sequence[Particle],
    thresholds: Mapping[str, float],
) -> Markup | None:
    """Return one chart of the fraction right against the score, a dot at the cut."""
    shown = [p for p in particles if p.name in known and known[p.name].score]
    if not shown:
        return None
    figure, axes = _figure("What a score is worth", 5.2, 3.4)
    for particle in shown:
        of = known[particle.name]
        axes.plot(of.score, of.right, color=particle.color, lw=1.5, label=particle.name)
        cut = np.array([thresholds.get(particle.name, np.nan)])
        axes.plot(
            cut, of.chance(cut), "o", color=particle.color, markeredgecolor=CURRENT
        )
    axes.set(xlim=(0, 1.02), ylim=(0, 1.04), xlabel="score", ylabel="fraction right")
    axes.legend(
        frameon=False, labelcolor=CURRENT, loc="upper left", bbox_to_anchor=(1, 1)
    )
    return _svg(figure)


def _add_circles(
    axes: Axes, picture: Picture, picks: Picks, particle: Particle, known: bool = False
) -> None:
    """Draw the circles of one class, in voxels; those of known particles dashed."""
    cut, radius = _cut(picture, picks.of(particle.name), particle.radius)
    per_pixel = picture.slab.shape[1] / _size(picture.slab.shape)[0]
    # Else the circle of a good pick would hide that of its particle.
    radius = radius / picture.voxel_size + (3 * per_pixel if known else 0)
    axes.add_collection(
        EllipseCollection(
            2 * radius,
            2 * radius,
            np.zeros(len(radius)),
            units="xy",
            offsets=cut[:, [2, 1]] / picture.voxel_size,
            offset_transform=axes.transData,
            facecolors="none",
            edgecolors=particle.color,
            linestyles=[(0, (3.5, 2.5)) if known else "solid"],
            linewidths=(1.4 if known else 1.7) * 0.72,  # points at 100 dots an inch
        )
    )


def _cut(
    picture: Picture, picks: Picks, radius: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return positions and in-plane radii [Å] of the picks that the slab cuts."""
    away = picks.position_zyx[:, 0] - picture.center_z
    which = np.abs(away) < radius
    return picks.position_zyx[which], np.sqrt(radius**2 - away[which] ** 2)


def _size(shape_yx: tuple[int, ...]) -> tuple[int, int]:
    """Return width and height of a picture in pixels."""
    scale = min(MAX_ENLARGEMENT, MAX_PIXELS / max(shape_yx))
    return max(1, round(shape_yx[1] * scale)), max(1, round(shape_yx[0] * scale))


def _small_png(rgb: NDArray[np.uint8], particles: Sequence[Particle]) -> bytes:
    """Return a PNG with a palette of grays, the classes' colors and their blends."""
    grays = np.linspace(0, 255, NUM_GRAYS)[:, None].repeat(3, axis=1)
    colors = [
        np.array([int(p.color[i : i + 2], 16) for i in (1, 3, 5)]) for p in particles
    ]
    blends = [
        c * a + g * (1 - a) for c in colors for a in (0.3, 0.65) for g in (80, 170)
    ]
    palette = np.array([*grays, *colors, *blends])[:256].round().astype(np.uint8)
    packed = rgb.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    seen, inverse = np.unique(packed.ravel(), return_inverse=True)
    unpacked = np.stack([seen >> 16, seen >> 8 & 255, seen & 255], axis=1)
    nearest = np.asarray(cKDTree(palette).query(unpacked)[1])
    index = nearest[inverse].reshape(packed.shape).astype(np.uint8)
    image = Image.fromarray(index, mode="P")
    image.putpalette(palette.ravel().tolist())
    file = io.BytesIO()
    image.save(file, "png", optimize=True)
    return file.getvalue()


def _figure(title: str, width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty chart [inch] in the page's style."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(title, loc="left")
    return figure, axes


def _log_scale(axes: Axes, labeled: tuple[int, ...]) -> None:
    """Make the vertical axis logarithmic, with plain numbers on it."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(10, labeled, numticks=8))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _svg(figure: Figure) -> Markup:
    """Return a chart as inline SVG that takes the page's text color."""
    file = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context(STYLE):
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :].replace(CURRENT, "currentColor")
    svg = svg.replace("xlink:href", "href")
    # Inline, the namespace is known; ids like axes_1 would occur twice in a page.
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"| id="[\w.]*_\d+"', "", svg)
    return Markup(svg)


def _thinned(
    step: NDArray[np.float64], value: NDArray[np.float64], most: int = 200
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return means of neighbouring points, so that no curve has more than `most`."""
    if len(step) <= most:
        return step, value
    parts = np.array_split(np.arange(len(step)), most)
    return (
        np.array([step[p].mean() for p in parts]),
        np.array([value[p].mean() for p in parts]),
    )
