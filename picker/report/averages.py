"""Averages of a class as pictures and charts."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from picker.averaging.align import CHECKED, FEWEST, Averages, averages_of
from picker.averaging.boxes import (
    EDGE_PER_RADIUS,
    RADIUS,
    central_slices,
    radial_profile,
)
from picker.report.charts import CURRENT, inline_svg, new_chart
from picker.report.webp import webp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup
    from numpy.typing import NDArray

    from picker.config import Particle

LEAST_GAIN = 0.1
"""Of an alignment; below it an aligned average is not shown."""
ENLARGED = 4
"""Pixels a sample."""
BELOW = "#8a8f98"
"""Color of what lies below the threshold."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownAverages:
    """What the page shows of one set of particles.

    Attributes
    ----------
    num
        Number of particles.
    agreement, aligned_agreement, gain
        Of halves, see `Averages`; None with too few particles.
    plain, aligned
        Pictures for `src`; None where there is none to show.
    """

    num: int
    agreement: float | None = None
    aligned_agreement: float | None = None
    gain: float | None = None
    plain: str | None = None
    aligned: str | None = None


def averages(boxes: Sequence[NDArray[np.floating]]) -> Averages | None:
    """Return the averages of particles, None of too few."""
    return averages_of(boxes) if len(boxes) >= FEWEST else None


def shown_averages(
    picks: Averages | None, below: Averages | None, num: tuple[int, int]
) -> tuple[ShownAverages, ShownAverages]:
    """Return what the page shows of picks and of what lies below the threshold.

    Both unaligned averages have the same grays. An aligned one is shown only if
    halves agree better for it.

    Parameters
    ----------
    picks, below
        Their averages; None if there are too few.
    num
        How many particles there are of each.
    """
    known = [one for one in (picks, below) if one is not None]
    grays = _grays([one.plain for one in known])
    shown = []
    for one, number in zip((picks, below), num, strict=True):
        if one is None:
            shown.append(ShownAverages(num=number))
            continue
        is_true = one.gain >= LEAST_GAIN
        shown.append(
            ShownAverages(
                num=number,
                agreement=one.agreement,
                aligned_agreement=one.aligned_agreement,
                gain=one.gain,
                plain=_picture(one.plain, grays),
                aligned=_picture(one.aligned, _grays([one.aligned]))
                if is_true
                else None,
            )
        )
    return shown[0], shown[1]


def draw_profiles(
    picks: Averages | None, below: Averages | None, particle: Particle
) -> Markup:
    """Return a chart of unaligned averages' density against the distance [Å]."""
    figure, axes = new_chart("Mean density around the centre", 3.4, 2.4)
    for one, label, color in _lines(picks, below, particle):
        profile = radial_profile(one.plain)
        distance = np.arange(len(profile)) / RADIUS * particle.radius
        axes.plot(distance, profile, color=color, lw=1.5, label=label)
    axes.axvline(particle.radius, color=CURRENT, lw=1.0, ls=":")
    axes.set(xlabel="distance [Å]", ylabel="density (particles are low)")
    axes.set_xlim(0, 1.45 * particle.radius)
    axes.legend(frameon=False, labelcolor=CURRENT, fontsize=8)
    return inline_svg(figure)


def draw_agreement(
    picks: Averages | None, below: Averages | None, particle: Particle
) -> Markup:
    """Return a chart of the Fourier shell correlation of two halves."""
    figure, axes = new_chart("Agreement of two halves", 3.4, 2.4)
    edge = EDGE_PER_RADIUS * particle.radius
    for one, label, color in _lines(picks, below, particle):
        shells = np.arange(1, len(one.correlation))
        axes.plot(shells, one.correlation[1:], color=color, lw=1.5, label=label)
        # In lower ones the halves share their reference.
        beyond = shells[shells >= CHECKED.start]
        axes.plot(
            beyond,
            one.aligned_correlation[beyond],
            color=color,
            lw=1.5,
            ls="--",
            label=f"{label}, aligned",
        )
    shells_shown = [2, 4, 6, 8, 12, 15]
    axes.set_xticks(shells_shown, [f"{edge / shell:.0f}" for shell in shells_shown])
    axes.axhline(0.143, color=CURRENT, lw=0.8, ls=":")
    axes.set(ylim=(-0.25, 1.02), xlabel="wavelength [Å]", ylabel="correlation")
    axes.legend(frameon=False, labelcolor=CURRENT, fontsize=7)
    return inline_svg(figure)


def _lines(
    picks: Averages | None, below: Averages | None, particle: Particle
) -> list[tuple[Averages, str, str]]:
    """Return averages with their names and colors in charts."""
    named = ((picks, "picks", particle.color), (below, "below", BELOW))
    return [(one, label, color) for one, label, color in named if one is not None]


def gray_levels(
    values: NDArray[np.floating], grays: tuple[float, float]
) -> NDArray[np.uint8]:
    """Return densities as gray levels, the lowest one black."""
    low, high = grays
    way = (np.asarray(values, np.float32) - low) / max(high - low, 1e-6)
    levels: NDArray[np.uint8] = np.rint(255 * np.clip(way, 0, 1)).astype(np.uint8)
    return levels


def _grays(boxes: Sequence[NDArray[np.float32]]) -> tuple[float, float]:
    """Return the densities that become black and white in pictures of boxes."""
    if not boxes:
        return 0.0, 1.0
    slices = np.stack([central_slices(box) for box in boxes])
    low, high = np.percentile(slices, (0.1, 99.9))
    return float(low), float(high)


def _picture(box: NDArray[np.float32], grays: tuple[float, float]) -> str:
    """Return the middle of a box, xy beside xz and yz, for `src`."""
    levels = np.concatenate(list(gray_levels(central_slices(box), grays)), axis=1)
    size = (levels.shape[1] * ENLARGED, levels.shape[0] * ENLARGED)
    smooth = np.asarray(Image.fromarray(levels).resize(size, Image.Resampling.BICUBIC))
    data = base64.b64encode(webp(smooth, 85)).decode("ascii")
    return f"data:image/webp;base64,{data}"
