"""The program's own STAR files of picks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.core.picks import Picks, picks_from_arrays
from picker.formats.picks.angles import relion_from_rotation
from picker.formats.picks.star_angles import ANGLES
from picker.formats.picks.star_context import (
    context_columns,
    context_names,
    context_rows,
)
from picker.formats.picks.star_coordinates import (
    OUR_SCORE,
    PARTICLE,
    POSITION,
    read_star,
)
from picker.formats.picks.star_index import Index
from picker.formats.tables.star_table import write_block

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


CONTEXT_NOTE = (
    "Distances in angstrom; densities in picks a cubic micrometre, of micrographs a"
    " square one."
)
"""Comment of a file with columns of context: picks do not say which these are."""


def write_picks(
    path: Path, picks: Picks, notes: Mapping[str, str] | None = None
) -> None:
    """Write picks: position [Å], particle, score; RELION's angles if any are known.

    And their context, rounded, if any was measured. Picks without a rotation have nan
    there; if no pick has one, there are no columns.
    `notes` become comments `# name: value` at the top, which
    `tables.star_table.read_comments` reads.
    """
    rows = [
        [*(repr(float(value)) for value in position[::-1]), str(particle), str(score)]
        for position, particle, score in zip(
            picks.position_zyx, picks.particle, picks.score, strict=True
        )
    ]
    comments = [
        "Positions in angstrom; 0 is the centre of the first voxel.",
        *(f"{name}: {value}" for name, value in (notes or {}).items()),
    ]
    columns = [*POSITION, PARTICLE, OUR_SCORE]
    if picks.rotation is not None:
        columns += ANGLES
        for row, angles in zip(rows, relion_from_rotation(picks.rotation), strict=True):
            row += [repr(float(angle)) for angle in angles]
    if names := context_names([picks]):
        comments.append(CONTEXT_NOTE)
        columns += context_columns(names)
        for row, values in zip(rows, context_rows(picks, names), strict=True):
            row += values
    write_block(path, "picks", columns, rows, comments)


def read_picks(path: Path) -> Picks:
    """Return the picks of a file that `write_picks` wrote, exactly as written.

    Rotations are what their angles give, apart from rounding; context is rounded.

    Raises
    ------
    ValueError
        If the file is damaged or of another kind.
    """
    found = read_star(path)
    if isinstance(found, Index) or found.particle is None:
        content = (
            "names of files"
            if isinstance(found, Index)
            else f"{found.kind} coordinates"
        )
        raise ValueError(
            f"{path} holds {content}; expected picks of this program"
            " (pickerPositionX/Y/Z and pickerParticle); name it in the table's picks"
        )
    return picks_from_arrays(
        *(found.value_zyx, found.particle, found.score, found.rotation),
        found.context,
    )
