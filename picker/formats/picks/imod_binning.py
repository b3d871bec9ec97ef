"""Points that were drawn on a volume: contours, and a volume of another binning."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from picker.formats.picks.plausible import inside
from picker.formats.picks.units import xyz

if TYPE_CHECKING:
    from pathlib import Path

    from picker.config import Contours
    from picker.formats.picks.records import Coordinates, Drawn

SIZES_AGREE = 0.05
"""How far, as a fraction, a model's pixel size may be from the tomogram's."""


WHOLE = 1e-9
"""Slack of a whole number that was divided by."""


def picks_of_contours(
    path: Path, found: Coordinates, contours: Contours | None
) -> Coordinates:
    """Return one row for each pick of a model.

    Scattered points and contours of one point are picks. Others may be picks that were
    clicked one after the other, lines whose middle is meant, or something traced.

    Parameters
    ----------
    path
        The model, for messages.
    found
        Its points.
    contours
        "points": each point of such a contour is a pick; "middles": the mean of its
        points is; None: it is not known.

    Raises
    ------
    ValueError
        If it is not known and there are such contours.
    """
    drawn = found.drawn
    if drawn is None or contours == "points" or (drawn.contour < 0).all():
        return found
    joined = drawn.contour >= 0
    first, inverse, count = np.unique(
        drawn.contour[joined],
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )[1:]
    if contours is None:
        middle = found.value_zyx[joined][inverse == 0].mean(axis=0)
        raise ValueError(
            f"{path} ({found.kind}) has {len(first)} contours of {count.min()} to"
            f" {count.max()} points in objects that are not of scattered points: either"
            f" each of their {joined.sum()} points is a pick, the first at voxel"
            f" {xyz(found.value_zyx[first[0]])}, or each contour's middle, the first at"
            f" {xyz(middle)}, or something was traced that is no pick; set"
            " tomograms.contours (picker convert --contours) to points or middles, or"
            " remove the objects"
        )
    middles = np.stack(
        [
            np.bincount(inverse, found.value_zyx[joined][:, axis]) / count
            for axis in range(3)
        ],
        axis=1,
    )
    # A contour's first row stands for it, so that the order is kept.
    kept = np.sort(
        np.concatenate([np.flatnonzero(~joined), np.flatnonzero(joined)[first]])
    )
    value = found.value_zyx.copy()
    value[np.flatnonzero(joined)[first]] = middles
    particle = found.particle
    return replace(
        found,
        value_zyx=value[kept],
        score=found.score[kept],
        particle=None if particle is None else [particle[row] for row in kept],
        drawn=replace(drawn, contour=np.full(len(kept), -1)),
    )


def in_voxels_of(
    path: Path,
    found: Coordinates,
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> tuple[Coordinates, list[str]]:
    """Return a model's points in the tomogram's voxels, and warnings.

    A model that was drawn on the same tomogram of another binning counts its voxels:
    p there is k·p here, as Fourier cropping has it and as all positions in Å are read.
    Averaged voxels lie (k − 1)/2 finer ones further.

    Raises
    ------
    ValueError
        If the two sizes differ by more than one factor, rounded to whole voxels.
    """
    drawn = found.drawn
    if drawn is None or not len(found.value_zyx):
        return found, []
    if drawn.shape_zyx is None:
        return found, _doubt(path, found, drawn, voxel_size, shape_zyx)
    factor = _factor(drawn, voxel_size, shape_zyx)
    if factor == 1:
        return found, []
    theirs, ours = _size(drawn.shape_zyx), _size(shape_zyx)
    if factor is None and drawn.is_extent and not drawn.is_part:
        text = (
            f"{path} says that it was drawn on {theirs} voxels, as far as its points"
            f" reach, and the tomogram has {ours}; its points are taken as the"
            " tomogram's voxels"
        )
        return found, [text, *_doubt(path, found, drawn, voxel_size, shape_zyx)]
    if (
        factor is None
        or drawn.is_part
        or not (_is_whole(factor) or _agrees(drawn, voxel_size, factor))
    ):
        raise ValueError(_misfit(path, found, drawn, voxel_size, shape_zyx))
    said = "" if drawn.pixel_size is None else f" of {drawn.pixel_size:g} Å"
    warning = (
        f"{path} was drawn on {theirs} voxels{said}, the tomogram has {ours} of"
        f" {voxel_size:g} Å; its voxels are taken {factor:g} times, voxel 0 in place"
    )
    if not _agrees(drawn, voxel_size, factor):
        warning += (
            f", as the sizes say; if {drawn.pixel_size:g} Å is right, it was drawn on a"
            " part of the tomogram: open it in 3dmod with all of that, and save it"
        )
    return replace(found, value_zyx=found.value_zyx * factor), [warning]


def _is_whole(factor: float) -> bool:
    """Return whether one volume is the other binned by a whole number."""
    ratio = max(factor, 1 / factor)
    return abs(ratio - round(ratio)) < WHOLE


def _agrees(drawn: Drawn, voxel_size: float, factor: float) -> bool:
    """Return whether a model's pixel size is so many of the tomogram's, or unknown."""
    size = drawn.pixel_size
    expected = factor * voxel_size
    return size is None or abs(size - expected) <= SIZES_AGREE * expected


def _factor(
    drawn: Drawn, voxel_size: float, shape_zyx: tuple[int, int, int]
) -> float | None:
    """Return how many of the tomogram's voxels one of the model's is; None if unclear.

    The smaller volume's size is that of the larger over the factor, give or take one.
    """
    theirs = np.array(drawn.shape_zyx, np.float64)
    ours = np.array(shape_zyx, np.float64)
    if (np.abs(theirs - ours) <= 1).all():
        return 1.0
    is_finer = ours.sum() > theirs.sum()
    large, small = (ours, theirs) if is_finer else (theirs, ours)
    low = (large / (small + 1)).max()
    with np.errstate(divide="ignore"):
        high = (large / (small - 1)).min()
    if low > high:
        return None
    ratio = large.sum() / small.sum()
    size = drawn.pixel_size
    told = None if size is None else size / voxel_size
    if told is not None and not is_finer:
        told = 1 / told
    # Binning is whole; else what the pixel sizes say, or the sizes themselves.
    whole = float(round(ratio))
    if low <= whole <= high:
        ratio = whole
    elif told is not None and low <= told <= high:
        ratio = told
    return float(ratio if is_finer else 1 / ratio)


def _misfit(
    path: Path,
    found: Coordinates,
    drawn: Drawn,
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> str:
    """Return that no factor fits, and what the first point is in either reading."""
    z, y, x = drawn.shape_zyx or (0, 0, 0)
    first = found.value_zyx[0]
    size = drawn.pixel_size
    is_part = size is not None and _agrees(drawn, voxel_size, 1)
    ratio = np.array(shape_zyx) / (z, y, x)
    if size is not None and not is_part:
        ratio = np.full(3, size / voxel_size)
    known = "" if size is None else f" of {size:g} Å"
    if drawn.is_part:
        return (
            f"{path} ({found.kind}) was drawn on a part of a volume, {x} x {y} x {z}"
            f" voxels{known} (x, y, z), from whose corner it counts; expected a model"
            f" of the whole tomogram, {_size(shape_zyx)} of {voxel_size:g} Å: open it"
            " in 3dmod with all of that, and save it again"
        )
    advice = "name the tomogram that it was drawn on"
    if is_part:
        advice = (
            "as the voxels are of one size it may be of a part: open it in 3dmod with"
            " all of the tomogram, and save it again"
        )
    return (
        f"{path} ({found.kind}) was drawn on {x} x {y} x {z} voxels{known} (x, y, z),"
        f" the tomogram has {_size(shape_zyx)} of {voxel_size:g} Å; expected the same,"
        f" or one factor between them on all axes: its first point {xyz(first)} read as"
        f" a voxel of the tomogram is {xyz(first)}, read as one of that volume"
        f" {xyz(first * ratio)}; {advice}; or, if it counts the tomogram's voxels,"
        f" convert it: picker convert {path.name} --unit voxels --to picker ..."
    )


def _doubt(
    path: Path,
    found: Coordinates,
    drawn: Drawn,
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> list[str]:
    """Return a warning if a model of unknown size has another pixel size.

    Raises
    ------
    ValueError
        If its points, read as such pixels, lie in the tomogram.
    """
    size = drawn.pixel_size
    if size is None or _agrees(drawn, voxel_size, 1):
        return []
    first = found.value_zyx[0]
    text = (
        f"{path} does not say the size of the volume it was drawn on, but pixels of"
        f" {size:g} Å, and the tomogram's voxels are {voxel_size:g} Å; its first point"
    )
    scaled = found.value_zyx * (size / voxel_size)
    if not inside(scaled, shape_zyx).all():
        return [f"{text} is taken as voxel {xyz(first)}, as scaled ones lie outside"]
    z, y, x = np.round(np.array(shape_zyx) * voxel_size / size).astype(int)
    raise ValueError(
        f"{text} is voxel {xyz(scaled[0])} read as pixels of {size:g} Å, voxel"
        f" {xyz(first)} read as voxels of the tomogram; convert it as you know it to"
        f" be, as pixels: picker convert {path.name} --voxel-size {size:g} --shape {z}"
        f" {y} {x} --unit voxels --to picker ..., as voxels of the tomogram:"
        " --tomogram FILE --unit voxels"
    )


def _size(shape_zyx: tuple[int, int, int]) -> str:
    z, y, x = shape_zyx
    return f"{x} x {y} x {z}"
