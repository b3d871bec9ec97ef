"""IMOD models that were drawn on the tomogram in another binning."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from picker.formats.picks.bounds import inside
from picker.formats.picks.units import xyz

if TYPE_CHECKING:
    from pathlib import Path

    from picker.formats.picks.records import Coordinates, Drawing

SIZES_AGREE = 0.05
"""How far, as a fraction, a model's pixel size may be from the tomogram's."""
WHOLE = 1e-9
"""How far a ratio may be from the whole number that it was computed from."""


def in_voxels_of_tomogram(
    path: Path,
    found: Coordinates,
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> tuple[Coordinates, list[str]]:
    """Return a model's points in the tomogram's voxels, and warnings.

    A model that was drawn on the tomogram in another binning counts the voxels of that
    one: voxel p there is k·p here, as Fourier cropping has it and as all positions in Å
    are read. Averaged voxels would lie (k − 1)/2 finer ones further.

    Parameters
    ----------
    path
        The model, for messages.
    found
        Its points.
    voxel_size, shape_zyx
        Of the tomogram, [Å] and voxels.

    Raises
    ------
    ValueError
        If no one factor on all axes turns one size into the other, rounded to whole
        voxels, or the model was drawn on a part of a volume.
    """
    drawing = found.drawing
    if drawing is None or not len(found.value_zyx):
        return found, []
    if drawing.shape_zyx is None:
        return found, _doubt(path, found, drawing, voxel_size, shape_zyx)
    factor = _factor(drawing, voxel_size, shape_zyx)
    if factor == 1:
        return found, []
    model_size, own_size = _size(drawing.shape_zyx), _size(shape_zyx)
    if factor is None and drawing.is_extent and not drawing.is_part:
        text = (
            f"{path} says that it was drawn on {model_size} voxels, as far as its"
            f" points reach, and the tomogram has {own_size}; its points are taken as"
            " the tomogram's voxels"
        )
        return found, [text, *_doubt(path, found, drawing, voxel_size, shape_zyx)]
    if (
        factor is None
        or drawing.is_part
        or not (_is_whole(factor) or _agrees(drawing, voxel_size, factor))
    ):
        raise ValueError(_misfit(path, found, drawing, voxel_size, shape_zyx))
    known = "" if drawing.pixel_size is None else f" of {drawing.pixel_size:g} Å"
    warning = (
        f"{path} was drawn on {model_size} voxels{known}, the tomogram has {own_size}"
        f" of {voxel_size:g} Å; its voxels are taken {factor:g} times, voxel 0 in place"
    )
    if not _agrees(drawing, voxel_size, factor):
        warning += (
            f", as the sizes say; if {drawing.pixel_size:g} Å is right, it was drawn on"
            " a part of the tomogram: open it in 3dmod with all of that, and save it"
        )
    return replace(found, value_zyx=found.value_zyx * factor), [warning]


def _is_whole(factor: float) -> bool:
    """Return whether one volume is the other binned by a whole number."""
    ratio = max(factor, 1 / factor)
    return abs(ratio - round(ratio)) < WHOLE


def _agrees(drawing: Drawing, voxel_size: float, factor: float) -> bool:
    """Return whether a model's pixel size is `factor` voxels, or is not known."""
    size = drawing.pixel_size
    expected = factor * voxel_size
    return size is None or abs(size - expected) <= SIZES_AGREE * expected


def _factor(
    drawing: Drawing, voxel_size: float, shape_zyx: tuple[int, int, int]
) -> float | None:
    """Return how many of the tomogram's voxels one of the model's is; None if unclear.

    The smaller volume's size is that of the larger over the factor, give or take one.
    """
    model = np.array(drawing.shape_zyx, np.float64)
    tomogram = np.array(shape_zyx, np.float64)
    if (np.abs(model - tomogram) <= 1).all():
        return 1.0
    is_finer = tomogram.sum() > model.sum()
    large, small = (tomogram, model) if is_finer else (model, tomogram)
    low = (large / (small + 1)).max()
    with np.errstate(divide="ignore"):
        high = (large / (small - 1)).min()
    if low > high:
        return None
    ratio = large.sum() / small.sum()
    size = drawing.pixel_size
    by_pixels = None if size is None else size / voxel_size
    if by_pixels is not None and not is_finer:
        by_pixels = 1 / by_pixels
    # Binning is whole; if it cannot be, the pixel sizes tell more than rounded shapes.
    whole = float(round(ratio))
    if low <= whole <= high:
        ratio = whole
    elif by_pixels is not None and low <= by_pixels <= high:
        ratio = by_pixels
    return float(ratio if is_finer else 1 / ratio)


def _misfit(
    path: Path,
    found: Coordinates,
    drawing: Drawing,
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> str:
    """Return the text that no factor fits, with the first point in both readings."""
    z, y, x = drawing.shape_zyx or (0, 0, 0)
    first = found.value_zyx[0]
    size = drawing.pixel_size
    is_part = size is not None and _agrees(drawing, voxel_size, 1)
    ratio = np.array(shape_zyx) / (z, y, x)
    if size is not None and not is_part:
        ratio = np.full(3, size / voxel_size)
    known = "" if size is None else f" of {size:g} Å"
    if drawing.is_part:
        return (
            f"{path} ({found.kind}) was drawn on a part of a volume, {x} x {y} x {z}"
            f" voxels{known} (x, y, z), and counts from that part's corner; expected a"
            f" model of the whole tomogram, {_size(shape_zyx)} of {voxel_size:g} Å:"
            " open it in 3dmod with all of that, and save it again"
        )
    advice = "name the tomogram that it was drawn on"
    if is_part:
        advice = (
            "as the voxels have the same size it may be of a part: open it in 3dmod"
            " with all of the tomogram, and save it again"
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
    drawing: Drawing,
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> list[str]:
    """Return a warning if a model without a size has another pixel size.

    Raises
    ------
    ValueError
        If its points, read as such pixels, lie in the tomogram.
    """
    size = drawing.pixel_size
    if size is None or _agrees(drawing, voxel_size, 1):
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
