"""EMAN's boxes in micrographs (.box): lines of a corner, width and height in pixels.

The corner has the lowest numbers, and the particle is at pixel ⌊size/2⌋ of its box.

Source: cryoem/eman2, programs/e2boxer.py, `write_boxfiles`, and 3dem/relion,
src/preprocessing.cpp, `readCoordinates`: both add half of the size, without a fraction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from picker.core.files import written_whole
from picker.formats.picks.records import Coordinates, coordinates_from_xyz
from picker.formats.picks.writing import each_class, rows_of, whole_index
from picker.formats.text import finite, number_rows, read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import Particle
    from picker.formats.picks.records import TomogramPicks

EXPECTED = "lines of x, y, width and height"
OF_TUBES = (-1, -2)
"""Fifth number of the boxes at the two ends of a helix, which hold no particle."""


def read_boxes(path: Path) -> Coordinates:
    """Return the pixels that the boxes of a file are about, from the first's centre.

    Raises
    ------
    ValueError
        If a line is not four or five finite numbers, or marks the end of a helix.
    """
    rows = []
    for number, words in number_rows(read_text(path, EXPECTED)):
        if len(words) not in (4, 5):
            raise ValueError(
                f"{path}, line {number} has {len(words)} values; expected {EXPECTED}"
            )
        corner_size = finite(path, f"line {number}", words)
        if corner_size[4:] and corner_size[4] in OF_TUBES:
            raise ValueError(
                f"{path}, line {number} is one end of a helix ({corner_size[4]:g});"
                " expected boxes of single particles, write their centres"
            )
        rows.append(corner_size[:4])
    x_y_w_h = np.array(rows, np.float64).reshape(-1, 4)
    xy = x_y_w_h[:, :2] + x_y_w_h[:, 2:] // 2
    xyz = np.column_stack([xy, np.zeros(len(xy))])
    return coordinates_from_xyz("EMAN box", "voxels", xyz, has_z=False)


def write_boxes(
    folder: Path, tomograms: Sequence[TomogramPicks], particles: Sequence[Particle]
) -> None:
    """Write `<particle>/<micrograph>.box`, as wide as the particle; no scores."""
    radius = {particle.name: particle.radius for particle in particles}
    for _, name in each_class(list(radius), tomograms):
        for one in tomograms:
            half = max(1, round(radius[name] / one.voxel_size))
            lines = []
            for position, _, _ in rows_of(one.picks, name):
                _, y, x = whole_index(position, one) - half
                lines.append(f"{x}\t{y}\t{2 * half}\t{2 * half}\n")
            path = folder / name / f"{one.tomogram}.box"
            with written_whole(path) as temporary:
                temporary.write_text("".join(lines))
