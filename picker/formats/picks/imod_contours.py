"""Which points of an IMOD model are picks: all of a contour's, or its middle."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from picker.core.rotations import unknown
from picker.formats.picks.tomogram_rows import select_rows
from picker.formats.picks.units import xyz

if TYPE_CHECKING:
    from pathlib import Path

    from picker.config import Contours
    from picker.formats.picks.records import Coordinates


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
        points is, without an orientation; None: it is not known.

    Raises
    ------
    ValueError
        If it is not known and there are such contours.
    """
    drawing = found.drawing
    if drawing is None or contours == "points" or (drawing.contour < 0).all():
        return found
    joined = drawing.contour >= 0
    first, inverse, count = np.unique(
        drawing.contour[joined],
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
            f" {xyz(found.value_zyx[joined][first[0]])}, or each contour's middle, the"
            f" first at {xyz(middle)}, or something was traced that is no pick; set"
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
    # A contour's middle takes the place of its first row, so that the order is kept.
    place = np.flatnonzero(joined)[first]
    value = found.value_zyx.copy()
    value[place] = middles
    rotation = None if found.rotation is None else found.rotation.copy()
    if rotation is not None:
        rotation[place] = unknown(len(place))
    kept = np.sort(np.concatenate([np.flatnonzero(~joined), place]))
    drawing = replace(drawing, contour=np.full(len(joined), -1))
    return select_rows(
        replace(found, value_zyx=value, rotation=rotation, drawing=drawing), kept
    )
