"""STAR files for RELION and Warp.

RELION's x, y, z, its pixels, its angles and its centre: `p` is a 0-based voxel index,
`v` the tomogram's and `t` the tilt series' pixel size [Å].
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from picker.config import tomogram_name
from picker.formats.picks.angles import relion_from_rotation, rounded_angles
from picker.formats.picks.star_angles import ANGLES
from picker.formats.picks.star_context import (
    context_columns,
    context_names,
    context_rows,
)
from picker.formats.picks.star_coordinates import (
    CENTERED,
    CLASS,
    COORDINATE,
    MICROGRAPH,
    SCORE,
)
from picker.formats.picks.star_index import COORDINATE_FILE
from picker.formats.picks.star_sizes import TILT_NOTE
from picker.formats.picks.units import centre_position
from picker.formats.picks.writing import each_class, rows_of, texts, whole_index
from picker.formats.tables.star_table import write_block
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from picker.formats.picks.records import Centre, TomogramPicks

logger = logging.getLogger(__name__)


def write_relion5(
    folder: Path,
    tomograms: Sequence[TomogramPicks],
    particles: Sequence[str],
    tilt_pixel_size: float | None = None,
    centre: Centre = "size/2",
) -> None:
    """Write RELION 5 particles, centred Å, and the index that its import wants.

    `<particle>.star` has a block `data_particles`; `import/<particle>/index.star` names
    one STAR file for each tomogram with picks. Centred = p·v − rlnTomoSize/2·t with the
    unbinned rlnTomoSize: the tomogram's own, else round(size·v/t). `rlnClassNumber`
    counts particles from 1.

    Parameters
    ----------
    folder
        Filled.
    tomograms
        What to write.
    particles
        Classes; each gets its files, even if empty.
    tilt_pixel_size
        t [Å]; None: as the tomogram.
    centre
        size/2, or size/2-1 as RELION's own picker script has it.

    Source: RELION 5 tomography documentation; 3dem/relion#1137.
    """
    notes = _tilt_notes(tomograms, tilt_pixel_size)
    for number, particle in each_class(particles, tomograms):
        columns = [*CENTERED, SCORE, CLASS, *_angle_columns(tomograms, particle)]
        around = _context_names(tomograms, particle)
        columns += context_columns(around)
        everything, index = [], []
        for one in tomograms:
            origin = centre_position(
                one.shape_zyx,
                one.voxel_size,
                one.pixel_size(tilt_pixel_size),
                centre,
                one.tilt_size_zyx,
            )
            rows = [
                [*texts(position - origin), score, str(number), *_angles(turn), *more]
                for position, score, turn, more in _rows(one, particle, around)
            ]
            everything += [[one.relion_name, *row] for row in rows]
            name = f"coordinates/{one.tomogram}.star"
            path = folder / "import" / particle / name
            write_block(path, "particles", columns, rows, notes)
            if rows:
                index.append([one.relion_name, name])
        path = folder / f"{particle}.star"
        write_block(path, "particles", ["rlnTomoName", *columns], everything, notes)
        path = folder / "import" / particle / "index.star"
        names = ["rlnTomoName", "rlnTomoImportParticleFile"]
        write_block(path, "particles", names, index)


def write_relion4(
    folder: Path,
    tomograms: Sequence[TomogramPicks],
    particles: Sequence[str],
    tilt_pixel_size: float | None = None,
) -> None:
    """Write RELION 4 particles: unbinned pixels from 1, p·v/t + 1."""
    if tilt_pixel_size is None:
        _warn_of_binned([one for one in tomograms if one.tilt_pixel_size is None])
    for number, particle in each_class(particles, tomograms):
        rows = []
        around = _context_names(tomograms, particle)
        for one in tomograms:
            t = one.pixel_size(tilt_pixel_size)
            rows += [
                [
                    *(one.relion_name, *texts(position / t + 1), score, str(number)),
                    *(*_angles(turn), *more),
                ]
                for position, score, turn, more in _rows(one, particle, around)
            ]
        columns = ["rlnTomoName", *COORDINATE, SCORE, CLASS]
        columns += _angle_columns(tomograms, particle) + context_columns(around)
        notes = _tilt_notes(tomograms, tilt_pixel_size)
        write_block(folder / f"{particle}.star", "particles", columns, rows, notes)


def write_relion3(
    folder: Path, tomograms: Sequence[TomogramPicks], particles: Sequence[str]
) -> None:
    """Write RELION 3.1 coordinates, one file a tomogram and class: rounded p.

    Whole numbers, because RELION 3.1 cuts decimals off; `p` lands at the box's N/2.
    """
    for number, particle in each_class(particles, tomograms):
        columns = [*COORDINATE, SCORE, CLASS, *_angle_columns(tomograms, particle)]
        around = _context_names(tomograms, particle)
        columns += context_columns(around)
        for one in tomograms:
            rows = []
            for position, score, turn, more in _rows(one, particle, around):
                index = whole_index(position, one)
                row = [*map(str, index[::-1]), score, str(number)]
                rows.append([*row, *_angles(turn), *more])
            path = folder / particle / f"{one.tomogram}_pick.star"
            write_block(path, "", columns, rows)


def write_autopick(
    folder: Path,
    micrographs: Sequence[TomogramPicks],
    particles: Sequence[str],
    root: Path | None = None,
) -> None:
    """Write what RELION's own picker does: rounded p, one file a micrograph and class.

    `<particle>/coordinate_files.star` names the files, as extraction in RELION 4 and 5
    wants it: a micrograph by its file's path in the table or the table's `called`, the
    coordinates by whole paths.

    Parameters
    ----------
    folder
        Filled.
    micrographs
        What to write.
    particles
        Classes; each gets its files, even if empty.
    root
        The folder's place once it is finished; None: here.

    Source: 3dem/relion, src/autopicker.cpp and src/preprocessing.cpp, whose pixels
    count from 0 and are cut to whole ones.
    """
    for number, particle in each_class(particles, micrographs):
        around = _context_names(micrographs, particle)
        columns = [*COORDINATE[:2], SCORE, CLASS, *context_columns(around)]
        files = []
        for one in micrographs:
            rows = []
            for position, score, _, more in _rows(one, particle, around):
                _, y, x = whole_index(position, one)
                rows.append([str(x), str(y), score, str(number), *more])
            name = f"{particle}/{one.tomogram}_autopick.star"
            write_block(folder / name, "", columns, rows)
            place = (root or folder).absolute() / name
            files.append([one.micrograph_name, str(place)])
        path = folder / particle / "coordinate_files.star"
        write_block(path, "coordinate_files", [MICROGRAPH, COORDINATE_FILE], files)


def write_warp(
    folder: Path, tomograms: Sequence[TomogramPicks], particles: Sequence[str]
) -> None:
    """Write WarpTools coordinates, one file a tomogram and class: p in voxels.

    Import with `--coords_angpix` v. `rlnMicrographName` is `<tomogram>.tomostar`,
    without a voxel size that Warp put behind the tomogram's name.

    Raises
    ------
    ValueError
        If two tomograms have one `.tomostar`.
    """
    series: dict[str, str] = {}
    for one in tomograms:
        name = f"{tomogram_name(one.own_name)}.tomostar"
        other = series.setdefault(name, one.tomogram)
        if other != one.tomogram:
            raise ValueError(
                f"tomograms {other} and {one.tomogram} are both {name} for Warp;"
                " expected one of them, export the other elsewhere"
            )
    sizes = sorted({one.voxel_size for one in tomograms})
    if sizes and sizes[-1] > 1.001 * sizes[0]:
        text = "warning: voxels of %g to %g Å; run Warp once for each --coords_angpix"
        logger.warning(text, sizes[0], sizes[-1])
    for _, particle in each_class(particles, tomograms):
        columns = [*COORDINATE, "rlnMicrographName", SCORE]
        around = _context_names(tomograms, particle)
        columns += _angle_columns(tomograms, particle) + context_columns(around)
        for one, name in zip(tomograms, series, strict=True):
            rows = [
                [*texts(position / one.voxel_size), name, score, *_angles(turn), *more]
                for position, score, turn, more in _rows(one, particle, around)
            ]
            write_block(folder / f"{one.tomogram}_{particle}.star", "", columns, rows)


def _context_names(tomograms: Sequence[TomogramPicks], particle: str) -> list[str]:
    """Return what was measured around picks of a class; nothing as a rule."""
    return context_names(one.picks.of(particle) for one in tomograms)


def _rows(
    one: TomogramPicks, particle: str, around: Sequence[str]
) -> Iterator[
    tuple[NDArray[np.float64], str, NDArray[np.float64] | None, Sequence[str]]
]:
    """Yield what `rows_of` does of a tomogram, and the cells of columns of context."""
    more = context_rows(one.picks.of(particle), around)
    for row, cells in zip(rows_of(one.picks, particle), more, strict=True):
        yield *row, cells


def _angle_columns(tomograms: Sequence[TomogramPicks], particle: str) -> list[str]:
    """Return the names of angles' columns; none if a class has no orientations."""
    has_any = any(one.picks.of(particle).rotation is not None for one in tomograms)
    return list(ANGLES) if has_any else []


def _angles(rotation: NDArray[np.float64] | None) -> list[str]:
    """Return rot, tilt, psi as text; nothing of a pick without an orientation."""
    if rotation is None:
        return []
    return [
        repr(value) for value in rounded_angles(relion_from_rotation(rotation[None])[0])
    ]


def _warn_of_binned(tomograms: Sequence[TomogramPicks]) -> None:
    """Warn that voxels are written as pixels of the tilt series.

    Source: 3dem/relion#1059.
    """
    if tomograms:
        logger.warning(
            "warning: the tilt series' pixel size of %d tomograms (%s) is not known;"
            " their voxels are written as RELION 4's unbinned pixels, which is wrong"
            " unless the tomograms are unbinned; set export.tilt_series_pixel_size,"
            " export.tomograms_star or the table's column tilt_pixel_size (in picker"
            " convert --tilt-pixel-size or --tomograms-star)",
            len(tomograms),
            listed(one.tomogram for one in tomograms),
        )


def _tilt_notes(
    tomograms: Sequence[TomogramPicks], tilt_pixel_size: float | None
) -> list[str]:
    """Return a comment with t, for our own reader: RELION has it in its tilt series."""
    sizes = {float(one.pixel_size(tilt_pixel_size)) for one in tomograms}
    return [f"{TILT_NOTE}: {sizes.pop()!r}"] if len(sizes) == 1 else []
