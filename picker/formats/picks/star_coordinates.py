"""Coordinates in STAR files: ours, and those of RELION, Warp and pytom-match-pick."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from picker.config.names import VOLUME_ENDINGS
from picker.formats.picks.records import Coordinates, Unit, coordinates_from_xyz
from picker.formats.picks.star_angles import ANGLES, own_rotations, rotations
from picker.formats.picks.star_context import CONTEXT, context_of
from picker.formats.picks.star_index import COORDINATE_FILE, FILE, Index
from picker.formats.picks.star_shifts import IN_PIXELS, ORIGIN, TURNED, shifts
from picker.formats.picks.star_sizes import (
    DETECTOR_SIZE,
    GROUP,
    MAGNIFICATION,
    MICROGRAPH_SIZE,
    PIXEL_SIZES,
    TILT_NOTE,
    pixel_sizes,
    tilt_pixel_size,
)
from picker.formats.tables.star_table import read_comments, read_tables
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from picker.formats.tables.columns import Table

POSITION = tuple(f"pickerPosition{axis}" for axis in "XYZ")
CENTERED = tuple(f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ")
COORDINATE = tuple(f"rlnCoordinate{axis}" for axis in "XYZ")
SCORE = "rlnAutopickFigureOfMerit"
CLASS = "rlnClassNumber"
OUR_SCORE = "pickerScore"
PYTOM_SCORE = "rlnLCCmax"
TUBE = "rlnHelicalTubeID"
TOMOGRAM = "rlnTomoName"
MICROGRAPH = "rlnMicrographName"
PARTICLE = "pickerParticle"
OF_AIS = "ais"
"""What names of Ais' own columns begin with."""
TEXTS = frozenset({TOMOGRAM, MICROGRAPH, PARTICLE, FILE, COORDINATE_FILE, GROUP, TUBE})
IN_MICROGRAPHS = "RELION 2D"
"""Kind of coordinates without z."""
NUMBERS = frozenset(
    {
        *(*POSITION, *CENTERED, *COORDINATE, SCORE, OUR_SCORE, PYTOM_SCORE),
        *(*PIXEL_SIZES, DETECTOR_SIZE, MAGNIFICATION),
        *(*ORIGIN, *IN_PIXELS, *TURNED, *ANGLES),
        *CONTEXT.values(),
    }
)
"""All columns that are read."""


def read_star(path: Path) -> Coordinates | Index:
    """Return a STAR file's coordinates, or which files an index of RELION names.

    Raises
    ------
    ValueError
        If it is no STAR file, has neither, or a row is damaged.
    """
    tables = read_tables(path, TEXTS, NUMBERS)
    index = next((table for table in tables if FILE in table), None)
    micrographs = next((table for table in tables if COORDINATE_FILE in table), None)
    if micrographs is not None:
        names = short_names(micrographs.texts(MICROGRAPH), of_files=True)
        files = tuple(micrographs.texts(COORDINATE_FILE))
        return Index(path=path, tomogram=tuple(names), file=files, of_micrographs=True)
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
    found = [table for table in tables if _columns(table)]
    if not found:
        raise ValueError(
            f"{path} has no coordinates; expected rlnCenteredCoordinateX/Y/ZAngst,"
            " rlnCoordinateX/Y/Z or pickerPositionX/Y/Z"
        )
    if len(found) > 1:
        raise ValueError(
            f"{path} has coordinates in {len(found)} tables"
            f" ({listed(f'data_{table.name}' for table in found)}); expected one, make"
            " a file of each"
        )
    (table,) = found
    tomogram = _tomograms(table)
    kind, unit = _kind(table)
    has_z = kind != IN_MICROGRAPHS
    columns = [table.numbers(name) for name in _columns(table)[: 3 if has_z else 2]]
    columns += [] if has_z else [np.zeros(len(table))]
    value_xyz = np.stack(columns, axis=1)
    if kind == "Warp" and _are_fractions(value_xyz):
        unit = "fractions of the tomogram"
    score = next((s for s in (OUR_SCORE, SCORE, PYTOM_SCORE) if s in table), None)
    sizes = pixel_sizes(tables, table) if unit == "voxels" else {}
    # RELION counts in pixels of the micrograph; Warp in those of --coords_angpix.
    is_relion = kind in ("RELION 3.1", IN_MICROGRAPHS)
    own = sizes.get(MICROGRAPH_SIZE) if is_relion else None
    shift_xyz, warnings = shifts(table)
    rotation = None
    if kind == "picker":
        rotation = own_rotations(table)
    elif kind != IN_MICROGRAPHS:  # there psi alone is an angle in the image
        rotation, more = rotations(table)
        warnings += more
    if kind == "Ais" and TOMOGRAM in table:
        warnings += (f"{path} is of Ais; read as voxels, not as unbinned pixels",)
    return coordinates_from_xyz(
        kind,
        unit,
        value_xyz,
        # The program's own files have a score in every row.
        score=table.numbers(score, may_lack=score != OUR_SCORE) if score else None,
        tomogram=tomogram,
        particle=table.texts(PARTICLE) if PARTICLE in table else None,
        tilt_pixel_size=tilt_pixel_size(tables, table),
        pixel_size=own,
        doubtful_sizes={} if own else sizes,
        shift_zyx=None if shift_xyz is None else shift_xyz[:, ::-1],
        rotation=rotation,
        filament=np.unique(np.array(table.raw(TUBE)), return_inverse=True)[1]
        if TUBE in table
        else None,
        has_z=has_z,
        context=context_of(table),
        warnings=warnings,
    )


def _columns(table: Table) -> tuple[str, ...]:
    """Return the columns with x, y, z; none if the table has no coordinates."""
    for names in (POSITION, CENTERED, COORDINATE):
        if any(name in table for name in names):
            return names
    return ()


def _kind(table: Table) -> tuple[str, Unit]:
    """Return the program whose convention a table of coordinates follows, and its unit.

    Ais writes voxels of the tomogram beside either column of names. What we write for
    RELION has Warp's names too, if RELION's tomograms.star comes from Warp.

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
    if PYTOM_SCORE in table:
        return "pytom-match-pick", "voxels"
    return "RELION 3.1" if COORDINATE[2] in table else IN_MICROGRAPHS, "voxels"


def _are_fractions(value: NDArray[np.float64]) -> bool:
    """Return whether Warp's coordinates are fractions of the tomogram and not voxels.

    No set of picks lies between the first and the second voxel of every axis.
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
        return short_names(table.texts(TOMOGRAM), of_files=False)
    if MICROGRAPH in table:
        return short_names(table.texts(MICROGRAPH), of_files=True)
    return None


def short_names(names: Sequence[str], *, of_files: bool) -> list[str]:
    """Return tomograms' names without Warp's ending.

    Parameters
    ----------
    names
        As they stand in a table.
    of_files
        They name the tomograms' files: folders and a volume's ending go too.
    """
    short = {name: name.removesuffix(".tomostar") for name in set(names)}
    if of_files:
        files = {name: Path(name) for name in short}
        short = {
            name: file.stem if file.suffix.lower() in VOLUME_ENDINGS else file.name
            for name, file in files.items()
        }
    return [short[name] for name in names]
