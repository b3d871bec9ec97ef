"""Points saved by napari: a CSV with z, y, x in voxels."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from picker.formats.picks.records import Coordinates, coordinates_from_xyz
from picker.formats.text import finite, read_text

if TYPE_CHECKING:
    from pathlib import Path

AXES = ("axis-0", "axis-1", "axis-2")


def has_axes(text: str) -> bool:
    """Return whether a text begins with the header that napari writes."""
    header = text.partition("\n")[0].replace('"', "").strip().lower().split(",")
    return set(AXES) <= {name.strip() for name in header}


def read_points(path: Path) -> Coordinates:
    """Return the points of a layer, in voxels from the centre of voxel 0.

    A layer's scale is not in the file: napari saves data coordinates, which are voxels
    of the image that the points were clicked in.

    Raises
    ------
    ValueError
        If there are more than three axes, or a value is not a finite number.

    Source: napari, napari.utils.io.write_csv and the points layer's writer.
    """
    rows = csv.DictReader(read_text(path, "napari's points").splitlines())
    names = {name.strip().lower(): name for name in rows.fieldnames or ()}
    if "axis-3" in names:
        raise ValueError(
            f"{path} has points with more than three axes; expected z, y, x (axis-0,"
            " axis-1, axis-2): click in a layer of one tomogram"
        )
    z, y, x = (names[axis] for axis in AXES)
    xyz = [
        finite(path, f"line {number}", (row[x], row[y], row[z]))
        for number, row in enumerate(rows, 2)
    ]
    return coordinates_from_xyz("napari points", "voxels", xyz)
