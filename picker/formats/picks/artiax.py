"""Particle lists for ArtiaX, ChimeraX's extension, and the script that opens them.

Source: ArtiaX 0.7.0, https://github.com/FrangakisLab/ArtiaX, src/cmd/cmd.py and
src/io/Generic/GenericParticleData.py.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from picker.core.files import write_text
from picker.formats.picks.angles import motl_from_rotation, rounded_angles
from picker.formats.picks.writing import rounded, rows_of
from picker.formats.tables.tsv import text_of_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.formats.picks.records import TomogramPicks

POSITION = ("pos_x", "pos_y", "pos_z")
SHIFT = ("shift_x", "shift_y", "shift_z")
"""Columns that the reader asks for, and that picks do not have: they are 0."""
ANGLES = ("phi", "psi", "the")
"""Columns that the reader asks for; 0 where a pick's orientation is not known."""


def write_lists(
    folder: Path,
    one: TomogramPicks,
    particles: Sequence[Particle],
    volume: Path,
    root: Path,
) -> str:
    """Write `<particle>.tsv` of each class with picks, and a script that opens all.

    Positions are in Å; scores are an attribute to colour or select by. The script tells
    ArtiaX the voxel size, as ChimeraX reads that of the header.

    Parameters
    ----------
    folder
        Where the files go; it exists.
    one
        A tomogram's picks.
    particles
        Classes, with radii [Å] and colours.
    volume
        The tomogram, in a format of ChimeraX.
    root
        Where the folder will lie when ChimeraX opens it.

    Returns
    -------
    Name of the script.
    """
    # What ArtiaX opens in an empty session is always numbered in this way.
    lines = [
        "artiax start",
        f"artiax open tomo {_quoted(volume)}",
        f"artiax tomo #1.1.1 pixelSize {one.voxel_size!r}",
    ]
    columns = (*POSITION, *SHIFT, "phi", "the", "psi", "score")
    number = 0
    for particle in particles:
        rows = [
            dict(zip(POSITION, rounded(position), strict=True))
            | dict.fromkeys(SHIFT, 0)
            | _angles(rotation)
            | {"score": score}
            for position, score, rotation in rows_of(one.picks, particle.name)
        ]
        if not rows:
            continue
        number += 1
        file = f"{particle.name}.tsv"
        write_text(folder / file, text_of_rows(rows, columns))
        lines += [
            f"open {_quoted(root / file)} format generic_particles",
            f"artiax particles #1.2.{number} radius {particle.radius!r}"
            f" color {particle.color}",
        ]
    script = f"{one.tomogram}.cxc"
    write_text(folder / script, "\n".join(lines) + "\n")
    return script


def _angles(rotation: NDArray[np.float64] | None) -> dict[str, float]:
    if rotation is None:
        return dict.fromkeys(ANGLES, 0)
    angles = rounded_angles(motl_from_rotation(rotation[None])[0])
    return dict(zip(ANGLES, angles, strict=True))


def _quoted(path: Path) -> str:
    """Return a path as a word of a command of ChimeraX, which unescapes as Python."""
    return json.dumps(str(path.absolute()), ensure_ascii=False)
