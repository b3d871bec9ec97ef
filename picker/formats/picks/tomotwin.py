"""TomoTwin's .coords: x y z in voxels, apart by blanks, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.core.files import written_whole
from picker.formats.picks.records import Coordinates, coordinates_from_xyz
from picker.formats.picks.writing import each_class, rows_of, texts
from picker.formats.text import finite, number_rows, read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.formats.picks.records import TomogramPicks


def read_coords(path: Path) -> Coordinates:
    """Return the coordinates of a file, in voxels from the centre of voxel 0.

    Raises
    ------
    ValueError
        If a line is not three finite numbers.

    Source: TomoTwin documentation, https://tomotwin-cryoet.readthedocs.io
    """
    xyz = []
    for number, words in number_rows(read_text(path, "lines of x y z")):
        if len(words) != 3:
            raise ValueError(
                f"{path}, line {number} has {len(words)} values; expected x y z"
            )
        xyz.append(finite(path, f"line {number}", words))
    return coordinates_from_xyz("TomoTwin coords", "voxels", xyz)


def write_coords(
    folder: Path, tomograms: Sequence[TomogramPicks], particles: Sequence[str]
) -> None:
    """Write `<tomogram>_<particle>.coords`: x y z in voxels; no scores."""
    for _, particle in each_class(particles, tomograms):
        for one in tomograms:
            lines = [
                " ".join(texts(position / one.voxel_size))
                for position, _, _ in rows_of(one.picks, particle)
            ]
            path = folder / f"{one.tomogram}_{particle}.coords"
            with written_whole(path) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in lines))
