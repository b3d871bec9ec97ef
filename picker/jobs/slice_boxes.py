"""Other programs' boxes on the slices of a tomogram, as detections [Å]."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from picker.core.detections import Detections
from picker.core.picks import Picks
from picker.core.tomogram import position_from_index
from picker.formats.picks.yolo import class_names, read_boxes_on_slices
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.formats.picks.yolo import Boxes

logger = logging.getLogger("picker")

Letterbox = Literal["none", "centre", "corner"]
ROUND = 0.1
"""Boxes of particles are wider than high, or higher than wide, by less than this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SliceImages:
    """How a tomogram's slices became the images that another program saw.

    Attributes
    ----------
    name
        Tomogram whose files are read; None: the only one.
    names
        File with the classes' names; None: one near the boxes.
    first_slice
        Number that files' names have for the tomogram's first slice.
    letterbox
        Where a slice lies in an image that was padded to a square before: in the
        centre, or in the corner of the first row and column; none: it was not padded.
        Resizing needs no setting, as boxes are fractions of the image.
    flip
        Axes along which images are mirrored, of "x", "y" and "z": y if the lowest row
        of an image is the tomogram's first.
    min_chord, slice_step
        Which boxes were looked for, and on which slices, as in `Detections`.
    """

    name: str | None = None
    names: Path | None = None
    first_slice: int = 0
    letterbox: Letterbox = "none"
    flip: Sequence[str] = ()
    min_chord: float = 0.0
    slice_step: int = 1


def read_slice_boxes(
    folder: Path,
    particles: tuple[Particle, ...],
    shape_zyx: tuple[int, int, int],
    voxel_size: float,
    images: SliceImages,
) -> Detections:
    """Return the boxes in a folder of YOLO text files as squares of the same area.

    Parameters
    ----------
    folder
        See `read_boxes_on_slices`.
    particles
        The classes.
    shape_zyx, voxel_size
        Of the tomogram, [voxels] and [Å].
    images
        How its slices were looked at.

    Raises
    ------
    ValueError
        If a file cannot be used, a class is not known, or a box does not lie in the
        tomogram.
    """
    boxes = read_boxes_on_slices(folder, images.name)
    depth, *across = shape_zyx
    slice_z = boxes.number - images.first_slice
    if (bad := (slice_z < 0) | (slice_z >= depth)).any():
        last = images.first_slice + depth - 1
        raise ValueError(
            f"{folder} has boxes on slice {boxes.number[bad][0]}, and the tomogram has"
            f" {depth} slices, {images.first_slice} to {last} with --first-slice"
            f" {images.first_slice}; expected a slice of it: is it another tomogram's,"
            " or do its files count from another number?"
        )
    # Of an image's pixels, in voxels; a square's edges are as long as the longer one.
    image = np.array(across, np.float64)
    start = np.zeros(2)
    if images.letterbox != "none":
        image[:] = max(across)
        if images.letterbox == "centre":
            start = (image - across) / 2
    # Pixel 0 reaches from 0 to 1, and its centre is index 0.
    centre = boxes.box[:, 1::-1] * image - start - 0.5
    size = boxes.box[:, 3:1:-1] * image
    outside = np.any((centre < -0.5) | (centre > np.array(across) - 0.5), axis=1)
    if outside.any():
        raise ValueError(
            f"{folder} has a box outside of the tomogram, on slice"
            f" {boxes.number[outside][0]}; expected them in the part of the image that"
            f" --letterbox {images.letterbox} says the slice is"
        )
    _warn_of_padding(folder, boxes, size, across, images.letterbox)
    index = np.column_stack([slice_z, np.clip(centre, 0, np.array(across) - 1)])
    mirrored = [axis in images.flip for axis in "zyx"]
    index = np.where(mirrored, np.array(shape_zyx) - 1 - index, index)
    return Detections(
        squares=Picks(
            position_zyx=position_from_index(index, voxel_size),
            particle=_classes(folder, boxes.label, particles, images.names),
            score=boxes.score,
        ),
        side=np.sqrt(size.prod(axis=1)) * voxel_size,
        min_chord=images.min_chord,
        step=images.slice_step,
    )


def _warn_of_padding(
    folder: Path,
    boxes: Boxes,
    size: NDArray[np.float64],
    across: Sequence[int],
    letterbox: Letterbox,
) -> None:
    """Warn if boxes would be round only in images of another shape."""
    high, wide = size.T
    # What an edge cuts is not round.
    x, y, width, height = boxes.box.T
    inside = (np.minimum(x, 1 - x) > width) & (np.minimum(y, 1 - y) > height)
    if not inside.any() or across[0] == across[1]:
        return
    aspect = float(np.median(wide[inside] / high[inside]))
    if abs(aspect - 1) >= ROUND:
        logger.warning(
            "warning: boxes of %s are %.2f times as wide as high in a tomogram of %d"
            " columns and %d rows; expected round particles: were its slices padded to"
            " squares? Now --letterbox is %s (none, centre or corner)",
            *(folder, aspect, across[1], across[0], letterbox),
        )


def _classes(
    folder: Path,
    label: NDArray[np.int64],
    particles: tuple[Particle, ...],
    path: Path | None,
) -> NDArray[np.str_]:
    """Return the particles' names of boxes."""
    ours = {own: p.name for p in particles for own in (p.name, p.own_name)}
    known = class_names(folder, path)
    if known is None:
        if len(particles) > 1 or label.any():
            raise ValueError(
                f"no file says what the classes of {folder} are; expected data.yaml"
                " with names, or classes.txt with a name a line, beside it, or --names"
            )
        return np.full(len(label), particles[0].name)
    file, names = known
    numbers = np.unique(label).tolist()
    if beyond := [n for n in numbers if n >= len(names)]:
        raise ValueError(
            f"{folder} has boxes of class {beyond[0]}, and {file} has {len(names)}"
            " names; expected a name for each, from class 0 on"
        )
    if unknown := [names[n] for n in numbers if names[n] not in ours]:
        raise ValueError(
            f"{folder} has boxes of {listed(unknown)}, as {file} says; expected classes"
            f" of particles, {listed(ours)}: add them there, or delete their boxes"
        )
    return np.array([ours.get(name, "") for name in names], np.str_)[label]
