"""STAR files: our own, and reading those of RELION, Warp and pytom-match-pick."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from picker.config.names import VOLUME_ENDINGS
from picker.core.picks import Picks, picks_from_arrays
from picker.formats.picks.records import Coordinates, Unit, coordinates_from_xyz
from picker.formats.picks.records import TomogramPicks as TomogramPicks
from picker.formats.picks.star_index import FILE, Index
from picker.formats.picks.star_shifts import IN_PIXELS, ORIGIN, TURNED, shifts
from picker.formats.picks.star_sizes import (
    DETECTOR_SIZE,
    GROUP,
    MAGNIFICATION,
    MICROGRAPH_SIZE,
    PIXEL_SIZES,
    pixel_sizes,
    tilt_pixel_size,
)
from picker.formats.picks.star_sizes import TILT_NOTE as TILT_NOTE
from picker.formats.picks.star_sizes import TILT_SIZE as TILT_SIZE
from picker.formats.tables.star_table import read_comments as read_comments
from picker.formats.tables.star_table import read_tables, write_block
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from picker.formats.tables.columns import Table

POSITION = tuple(f"pickerPosition{axis}" for axis in "XYZ")
CENTERED = tuple(f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ")
COORDINATE = tuple(f"rlnCoordinate{axis}" for axis in "XYZ")
SCORE = "rlnAutopickFigureOfMerit"
CLASS = "rlnClassNumber"
OUR_SCORE = "pickerScore"
PYTOM_SCORE = "rlnLCCmax"
TOMOGRAM = "rlnTomoName"
MICROGRAPH = "rlnMicrographName"
PARTICLE = "pickerParticle"
OF_AIS = "ais"
"""What names of Ais' own columns begin with."""
TEXTS = frozenset({TOMOGRAM, MICROGRAPH, PARTICLE, FILE, GROUP})
NUMBERS = frozenset(
    {
        *(*POSITION, *CENTERED, *COORDINATE, SCORE, OUR_SCORE, PYTOM_SCORE),
        *(*PIXEL_SIZES, DETECTOR_SIZE, MAGNIFICATION),
        *(*ORIGIN, *IN_PIXELS, *TURNED),
    }
)
"""All columns that are read."""


def write_picks(
    path: Path, picks: Picks, notes: Mapping[str, str] | None = None
) -> None:
    """Write the program's own STAR: position [Å], particle, score.

    `notes` become comments `# name: value` at the top, for `read_comments`.
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
    columns = [*POSITION, "pickerParticle", OUR_SCORE]
    write_block(path, "picks", columns, rows, comments)


def read_picks(path: Path) -> Picks:
    """Return the picks of the program's own STAR file, exactly as written.

    Raises
    ------
    ValueError
        If the file is damaged or of another kind.
    """
    found = read_coordinates(path)
    if found.particle is None:
        raise ValueError(
            f"{path} holds {found.kind} coordinates; expected picks of this program"
            " (pickerPositionX/Y/Z and pickerParticle), name it in the table's picks"
        )
    return picks_from_arrays(found.value_zyx, found.particle, found.score)


def read_coordinates(path: Path) -> Coordinates:
    """Return a STAR file's coordinates, whichever program wrote it.

    Raises
    ------
    ValueError
        If it is no STAR file, has no coordinates, or a row is damaged.
    """
    found = read_star(path)
    if isinstance(found, Index):
        raise ValueError(
            f"{path} has no coordinates, it names files that have (column {FILE});"
            " expected one of those, name it"
        )
    return found


def read_star(path: Path) -> Coordinates | Index:
    """Return a STAR file's coordinates, or which files an index of RELION 5 names.

    Raises
    ------
    ValueError
        If it is no STAR file, has neither, or a row is damaged.
    """
    tables = read_tables(path, TEXTS, NUMBERS)
    index = next((table for table in tables if FILE in table), None)
    if index is None:
        return _coordinates(path, tables)
    if TOMOGRAM not in index:
        raise ValueError(
            f"{path} has no column {TOMOGRAM}; expected it beside {FILE}, fix it"
        )
    return Index(
        path=path, tomogram=tuple(index.texts(TOMOGRAM)), file=tuple(index.texts(FILE))
    )


def _coordinates(path: Path, tables: Sequence[Table]) -> Coordinates:
    """Return the coordinates of the one table that has any."""
    mine = [table for table in tables if _columns(table)]
    if not mine:
        raise ValueError(
            f"{path} has no coordinates; expected rlnCenteredCoordinateX/Y/ZAngst,"
            " rlnCoordinateX/Y/Z or pickerPositionX/Y/Z"
        )
    if len(mine) > 1:
        raise ValueError(
            f"{path} has coordinates in {len(mine)} tables"
            f" ({listed(f'data_{table.name}' for table in mine)}); expected one, make a"
            " file of each"
        )
    (table,) = mine
    tomogram = _tomograms(table)
    kind, unit = _kind(table)
    value_xyz = np.stack([table.numbers(name) for name in _columns(table)], axis=1)
    if kind == "Warp" and _are_fractions(value_xyz):
        unit = "fractions of the tomogram"
    score = next((s for s in (OUR_SCORE, SCORE, PYTOM_SCORE) if s in table), None)
    sizes = pixel_sizes(tables, table) if unit == "voxels" else {}
    # RELION counts in pixels of the micrograph; Warp, by its --coords_angpix alone.
    own = sizes.get(MICROGRAPH_SIZE) if kind == "RELION 3.1" else None
    shift_xyz, warnings = shifts(table)
    if kind == "Ais" and TOMOGRAM in table:
        warnings += (f"{path} is of Ais; read as voxels, not as unbinned pixels",)
    return coordinates_from_xyz(
        kind,
        unit,
        value_xyz,
        # Who wrote our own files knew every score.
        score=table.numbers(score, may_lack=score != OUR_SCORE) if score else None,
        tomogram=tomogram,
        particle=table.texts(PARTICLE) if PARTICLE in table else None,
        tilt_pixel_size=tilt_pixel_size(tables, table),
        pixel_size=own,
        doubtful_sizes={} if own else sizes,
        shift_zyx=None if shift_xyz is None else shift_xyz[:, ::-1],
        warnings=warnings,
    )


def _columns(table: Table) -> tuple[str, ...]:
    """Return the columns with x, y, z; none if the table has no coordinates."""
    for names in (POSITION, CENTERED, COORDINATE):
        if any(name in table for name in names):
            return names
    return ()


def _kind(table: Table) -> tuple[str, Unit]:
    """Return the convention of a table with coordinates, and its unit.

    Ais writes voxels of the tomogram beside either column of names. Warp's names stand
    in what we write for RELION too, if its tomograms.star is Warp's.

    Source: bionanopatterning/Ais, Ais/core/util.py.
    """
    columns = _columns(table)
    if columns == POSITION:
        return "picker", "Å"
    if columns == CENTERED:
        return "RELION 5", "Å from the centre"
    if any(name.startswith(OF_AIS) for name in table.index):
        return "Ais", "voxels"
    owner = next((name for name in (TOMOGRAM, MICROGRAPH) if name in table), None)
    is_ours = owner == TOMOGRAM and TILT_NOTE in read_comments(table.path)
    is_warp = owner and any(n.endswith(".tomostar") for n in set(table.texts(owner)))
    if is_warp and not is_ours:
        return "Warp", "voxels"
    if owner == TOMOGRAM:
        return "RELION 4", "pixels of the tilt series"
    kind = "pytom-match-pick" if PYTOM_SCORE in table else "RELION 3.1"
    return kind, "voxels"


def _are_fractions(value: NDArray[np.float64]) -> bool:
    """Return whether Warp's coordinates are parts of the tomogram and not voxels.

    No set of voxels lies between the first and the second voxel of every axis.
    """
    return bool(
        len(value)
        and (value >= 0).all()
        and (value <= 1).all()
        and (value != np.round(value)).any()
    )


def _tomograms(table: Table) -> list[str] | None:
    """Return each row's tomogram; None if the file does not say."""
    if TOMOGRAM in table:
        return tomogram_names(table.texts(TOMOGRAM), of_files=False)
    if MICROGRAPH in table:
        return tomogram_names(table.texts(MICROGRAPH), of_files=True)
    return None


def tomogram_names(names: Sequence[str], *, of_files: bool) -> list[str]:
    """Return tomograms' names without Warp's ending; of files without folder and end.

    Parameters
    ----------
    names
        As they stand in a table.
    of_files
        They are those of the tomograms' files.
    """
    short = {name: name.removesuffix(".tomostar") for name in set(names)}
    if of_files:
        paths = {name: Path(name) for name in short}
        short = {
            name: p.stem if p.suffix.lower() in VOLUME_ENDINGS else p.name
            for name, p in paths.items()
        }
    return [short[name] for name in names]
