"""Particle lists for ArtiaX, ChimeraX's extension, and the script that opens them.

Source: ArtiaX 0.7.0, https://github.com/FrangakisLab/ArtiaX, src/cmd/cmd.py and
src/io/Generic/GenericParticleData.py.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from picker.core.files import write_text
from picker.formats.picks.writing import rounded, rows_of
from picker.formats.tables.tsv import text_of_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import Particle
    from picker.formats.picks.records import TomogramPicks

POSITION = ("pos_x", "pos_y", "pos_z")
UNKNOWN = ("shift_x", "shift_y", "shift_z", "phi", "the", "psi")
"""Columns that the reader asks for, of which picks know nothing: they are 0."""


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
    columns = (*POSITION, *UNKNOWN, "score")
    number = 0
    for particle in particles:
        rows = [
            dict(zip(POSITION, rounded(position), strict=True))
            | dict.fromkeys(UNKNOWN, 0)
            | {"score": score}
            for position, score in rows_of(one.picks, particle.name)
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


def _quoted(path: Path) -> str:
    """Return a path as a word of a command of ChimeraX, which unescapes as Python."""
    return json.dumps(str(path.absolute()), ensure_ascii=False)
