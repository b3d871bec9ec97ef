"""Pictures of tomograms with their picks, as PNG, and what their axes say."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.core.picks import Picks
    from picker.core.tomogram import Tomogram

MAX_PIXELS = 640
"""Longer side of a picture."""
MAX_ENLARGEMENT = 4.0
"""Pixels a voxel."""
NUM_GRAYS = 18
"""Few gray levels keep the files of noisy pictures small."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A slab of one tomogram, and all of its picks.

    Attributes
    ----------
    tomogram
        Name.
    slab
        `(y, x)` mean of a few neighbouring z slices.
    voxel_size
        Edge of a voxel [Å].
    center_z
        z of the slab's middle [Å].
    thickness
        Of the slab [Å].
    picks, truth
        Picks and known particles of the whole tomogram; truth is None where no
        particles are known.
    is_partial
        Whether the known particles are a part of all.
    side
        Its side view, see `side_view`; None where no faces were found.
    """

    tomogram: str
    slab: NDArray[np.float32]
    voxel_size: float
    center_z: float
    thickness: float
    picks: Picks
    truth: Picks | None = None
    is_partial: bool = False
    side: str | None = None


def make_picture(
    tomogram: Tomogram,
    picks: Picks,
    truth: Picks | None = None,
    thickness: float = 50,
    *,
    is_partial: bool = False,
) -> Picture:
    """Return the middle of a tomogram, averaged over about `thickness` [Å] along z.

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
        is_partial=is_partial,
    )


def draw_tomogram(picture: Picture, particles: Sequence[Particle]) -> bytes:
    """Return a PNG of the slab with a circle where it cuts each particle.

    A sphere of radius r is cut at a distance d from its centre, so the circle's radius
    is sqrt(r^2 - d^2). Circles of picks are solid, those of known particles dashed and
    3 pixels wider. x runs to the right and y upwards, as in IMOD and RELION, and the
    image ends where the volume ends: its column c is voxel `c * nx / width`. Few gray
    levels and a palette keep the file small.
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
    """Return what the page shows of a picture: PNG, axes, scale bar and caption.

    Places on the axes and lengths are in pixels.
    """
    width, height = _size(picture.slab.shape)
    nm = picture.voxel_size / 10
    pixels_per_nm = width / picture.slab.shape[1] / nm
    ticks = {}
    for axis, num in (("y", picture.slab.shape[0]), ("x", picture.slab.shape[1])):
        values = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(0, (num - 1) * nm)
        ticks[axis] = [
            ((value + nm / 2) * pixels_per_nm, f"{value:g}")
            for value in values
            if 0 <= value <= (num - 1) * nm
        ]
    longest = width / pixels_per_nm / 4
    bar = 10 ** np.floor(np.log10(longest))
    bar *= max(m for m in (1, 2, 5) if bar * m <= longest)
    shown = [_cut(picture, picture.picks.of(p.name), p.radius)[0] for p in particles]
    return {
        "tomogram": picture.tomogram,
        "width": width,
        "height": height,
        "png": base64.b64encode(draw_tomogram(picture, particles)).decode("ascii"),
        "ticks": ticks,
        "bar": (bar * pixels_per_nm, f"{bar:g} nm"),
        "center_nm": picture.center_z / 10,
        "thickness_nm": picture.thickness / 10,
        "side": picture.side,
        "num_shown": sum(len(s) for s in shown),
        "num_picks": len(picture.picks),
        "num_truth": None if picture.truth is None else len(picture.truth),
        "is_partial": picture.is_partial,
    }


def _add_circles(
    axes: Axes,
    picture: Picture,
    picks: Picks,
    particle: Particle,
    *,
    known: bool = False,
) -> None:
    """Draw the circles of one class; those of known particles are dashed."""
    position_zyx, radius = _cut(picture, picks.of(particle.name), particle.radius)
    voxels_per_pixel = picture.slab.shape[1] / _size(picture.slab.shape)[0]
    # Otherwise the circle of a good pick would hide that of its particle.
    radius = radius / picture.voxel_size + (3 * voxels_per_pixel if known else 0)
    axes.add_collection(
        EllipseCollection(
            2 * radius,
            2 * radius,
            np.zeros(len(radius)),
            units="xy",
            offsets=position_zyx[:, [2, 1]] / picture.voxel_size,
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
    distance = picks.position_zyx[:, 0] - picture.center_z
    is_cut = np.abs(distance) < radius
    return picks.position_zyx[is_cut], np.sqrt(radius**2 - distance[is_cut] ** 2)


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
