"""STAR files: our own, and reading those of RELION, Warp and pytom-match-pick."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from picker.config.names import VOLUME_ENDINGS
from picker.formats.records import (
    Coordinates,
    Sizes,
    Unit,
    coordinates_from_xyz,
    one_if_equal,
)
from picker.formats.records import TomogramPicks as TomogramPicks
from picker.formats.star_table import numbers, read_blocks, write_block
from picker.formats.star_table import read_comments as read_comments
from picker.formats.text import listed
from picker.picks import Picks, picks_from_arrays

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

POSITION = tuple(f"pickerPosition{axis}" for axis in "XYZ")
CENTERED = tuple(f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ")
COORDINATE = tuple(f"rlnCoordinate{axis}" for axis in "XYZ")
SCORE = "rlnAutopickFigureOfMerit"
CLASS = "rlnClassNumber"
OUR_SCORE = "pickerScore"
PYTOM_SCORE = "rlnLCCmax"
INDEX = "rlnTomoImportParticleFile"
TILT_SIZE = "rlnTomoTiltSeriesPixelSize"
GROUP = "rlnOpticsGroup"
ORIGIN = tuple(f"rlnOrigin{axis}Angst" for axis in "XYZ")
TURNED = tuple(f"rlnTomoSubtomogram{angle}" for angle in ("Rot", "Tilt", "Psi"))
MICROGRAPH_SIZE = "rlnMicrographPixelSize"
DETECTOR_SIZE = "rlnDetectorPixelSize"
MAGNIFICATION = "rlnMagnification"
PIXEL_SIZES = (MICROGRAPH_SIZE, "rlnImagePixelSize", "rlnPixelSize", TILT_SIZE)
"""Columns that may say what coordinates are counted in [Å]."""
TILT_NOTE = "tilt_series_pixel_size"


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


def read_coordinates(path: Path, tomogram: str | None = None) -> Coordinates:
    """Return a STAR file's coordinates, whichever program wrote it.

    An index for RELION's import is followed to the files that it names, beside it or
    relative to the working directory; if it knows the tomogram, to that one's alone, so
    that another's missing file does no harm.

    Raises
    ------
    ValueError
        If it is no STAR file, has no coordinates, or a row is damaged.
    """
    blocks = read_blocks(path)
    index = next((columns for columns in blocks.values() if INDEX in columns), None)
    if index:
        return _read_index(path, index, tomogram)
    return _coordinates(path, blocks)


def _coordinates(path: Path, blocks: dict[str, dict[str, list[str]]]) -> Coordinates:
    """Return the coordinates of the one table that has any."""
    tables = [name for name, columns in blocks.items() if _kind(columns)[2]]
    if not tables:
        raise ValueError(
            f"{path} has no coordinates; expected rlnCenteredCoordinateX/Y/ZAngst,"
            " rlnCoordinateX/Y/Z or pickerPositionX/Y/Z"
        )
    if len(tables) > 1:
        raise ValueError(
            f"{path} has coordinates in {len(tables)} tables"
            f" ({listed(f'data_{name}' for name in tables)}); expected one, make a"
            " file of each"
        )
    columns = blocks[tables[0]]
    kind, unit, names = _kind(columns)
    value_xyz = np.stack([numbers(path, columns, name) for name in names], axis=1)
    if kind == "Warp" and _are_fractions(value_xyz):
        unit = "fractions of the tomogram"
    score = next((s for s in (OUR_SCORE, SCORE, PYTOM_SCORE) if s in columns), None)
    sizes = _pixel_sizes(path, blocks, columns) if unit == "voxels" else {}
    # RELION counts in pixels of the micrograph; Warp, by its --coords_angpix alone.
    own = sizes.get(MICROGRAPH_SIZE) if kind == "RELION 3.1" else None
    shift_xyz, warnings = _shifts(path, columns)
    return coordinates_from_xyz(
        kind,
        unit,
        value_xyz,
        score=numbers(path, columns, score) if score else None,
        tomogram=_tomograms(columns),
        particle=columns.get("pickerParticle"),
        tilt_pixel_size=_tilt_pixel_size(path, blocks, columns),
        pixel_size=own,
        doubtful_sizes={} if own else sizes,
        shift_zyx=None if shift_xyz is None else shift_xyz[:, ::-1],
        warnings=warnings,
    )


def _kind(columns: Mapping[str, object]) -> tuple[str, Unit, tuple[str, ...]]:
    """Return convention, unit, and the columns with x, y, z; no columns if unknown."""
    if any(name in columns for name in POSITION):
        return "picker", "Å", POSITION
    if any(name in columns for name in CENTERED):
        return "RELION 5", "Å from the centre", CENTERED
    if not any(name in columns for name in COORDINATE):
        return "", "voxels", ()
    if ".tomostar" in str(columns.get("rlnTomoName", columns.get("rlnMicrographName"))):
        return "Warp", "voxels", COORDINATE
    if "rlnTomoName" in columns:
        return "RELION 4", "pixels of the tilt series", COORDINATE
    kind = "pytom-match-pick" if PYTOM_SCORE in columns else "RELION 3.1"
    return kind, "voxels", COORDINATE


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


def _pixel_sizes(
    path: Path, blocks: dict[str, dict[str, list[str]]], columns: dict[str, list[str]]
) -> dict[str, Sizes]:
    """Return column: pixel size [Å] that a file of voxels names, in its optics too.

    Source: RELION 3.1, src/metadata_label.h. Sizes of the images, the tilt series or
    the detector need not be those of the coordinates: WarpTools' ts_export_particles
    reads the former for shifts alone.
    """
    found = {name: _of_rows(path, blocks, columns, name) for name in PIXEL_SIZES}
    detector = _of_rows(path, blocks, columns, DETECTOR_SIZE)
    magnification = _of_rows(path, blocks, columns, MAGNIFICATION)
    if isinstance(detector, float) and isinstance(magnification, float):
        # Micrometres over magnification; alone, as pytom-match-pick has it, it is Å.
        detector = detector * 1e4 / magnification if magnification else None
    found[DETECTOR_SIZE] = detector
    return {name: sizes for name, sizes in found.items() if sizes is not None}


def _tomograms(columns: dict[str, list[str]]) -> list[str] | None:
    """Return each row's tomogram, without the folder and ending of a file's name."""
    if "rlnTomoName" in columns:
        return [name.removesuffix(".tomostar") for name in columns["rlnTomoName"]]
    if "rlnMicrographName" not in columns:
        return None
    paths = [Path(name) for name in columns["rlnMicrographName"]]
    return [p.stem if p.suffix in VOLUME_ENDINGS else p.name for p in paths]


def _tilt_pixel_size(
    path: Path, blocks: dict[str, dict[str, list[str]]], columns: dict[str, list[str]]
) -> Sizes | None:
    """Return t [Å] from a table or from our own comment, of each row if they differ."""
    if (sizes := _of_rows(path, blocks, columns, TILT_SIZE)) is not None:
        return sizes
    note = read_comments(path).get(TILT_NOTE)
    return float(numbers(path, {TILT_NOTE: [note]}, TILT_NOTE)[0]) if note else None


def _of_rows(
    path: Path,
    blocks: dict[str, dict[str, list[str]]],
    columns: dict[str, list[str]],
    column: str,
) -> Sizes | None:
    """Return a column's number, of each row if they differ, from its optics group.

    Raises
    ------
    ValueError
        If there are several and a row does not say which is its own.
    """
    if column in columns:
        return one_if_equal(numbers(path, columns, column).tolist())
    groups: dict[str, float] = {}
    for table in blocks.values():
        if column not in table:
            continue
        sizes = numbers(path, table, column).tolist()
        names = table.get(GROUP) or [f"row {n}" for n in range(1, len(sizes) + 1)]
        groups |= dict(zip(names, sizes, strict=True))
    if len(set(groups.values())) == 1:
        return next(iter(groups.values()))
    if groups:
        mine = columns.get(GROUP)
        unknown = None if mine is None else set(mine) - set(groups)
        if mine is None or unknown:
            what = f"group {listed(unknown)}" if unknown else f"no column {GROUP}"
            raise ValueError(
                f"{path} has several pixel sizes"
                f" ({sorted(set(groups.values()))} Å), {column}, and its picks have"
                f" {what};"
                f" expected {GROUP} in each row to say which, mend it or split the file"
            )
        return one_if_equal([groups[name] for name in mine])
    return None


def _shifts(
    path: Path, columns: dict[str, list[str]]
) -> tuple[NDArray[np.float64] | None, tuple[str, ...]]:
    """Return `(n, 3)` what a refinement adds to x, y, z [Å], and warnings.

    RELION's origin is subtracted from the coordinate. Pixels (rlnOriginX) have no size
    that is sure, and those of a subtomogram that was turned are not along our axes.

    Source: RELION 5, src/jaz/tomography/particle_set.cpp; Warp,
    WarpTools/Commands/Tiltseries/ExportParticlesTiltseries.cs.
    """
    given = [
        name
        for name in columns
        if name.startswith("rlnOrigin") and numbers(path, columns, name).any()
    ]
    if not given:
        return None, ()
    turned = [n for n in TURNED if n in columns and numbers(path, columns, n).any()]
    if turned or not set(given) <= set(ORIGIN):
        why = f", as {turned[0]} turns it" if turned else ""
        text = f"{path}: {given[0]} is not applied{why}; bake shifts into coordinates"
        return None, (text,)
    num = len(columns[given[0]])
    shifts = [
        -numbers(path, columns, name) if name in columns else np.zeros(num)
        for name in ORIGIN
    ]
    return np.stack(shifts, axis=1), ()


def _read_index(
    path: Path, columns: dict[str, list[str]], tomogram: str | None
) -> Coordinates:
    """Return the coordinates of the files that an index of RELION 5 names."""
    files = columns[INDEX]
    owners = columns.get("rlnTomoName")
    if owners is None:
        raise ValueError(
            f"{path} has no column rlnTomoName; expected it beside {INDEX}, mend it"
        )
    parts = [
        (owner, _read_named(path, name))
        for owner, name in zip(owners, files, strict=True)
        if tomogram not in owners or owner == tomogram
    ]
    kinds = {part.kind for _, part in parts}
    if len(kinds) > 1 or not kinds <= {"RELION 5", "RELION 3.1"}:
        raise ValueError(
            f"{path} names files of {', '.join(sorted(kinds))}; expected"
            " rlnCenteredCoordinateX/Y/ZAngst or rlnCoordinateX/Y/Z in all"
        )
    # Without a name in each row RELION 4's pixels look like RELION 3.1's.
    is_four = kinds == {"RELION 3.1"}
    return Coordinates(
        kind="RELION 4" if is_four else "RELION 5",
        unit="pixels of the tilt series" if is_four else "Å from the centre",
        value_zyx=np.concatenate([np.empty((0, 3)), *(p.value_zyx for _, p in parts)]),
        score=np.concatenate([np.empty(0, np.float32), *(p.score for _, p in parts)]),
        tomogram=[name for name, part in parts for _ in part.score],
        tilt_pixel_size=_of_all_rows([part for _, part in parts]),
        shift_zyx=_all_shifts([part for _, part in parts]),
        warnings=tuple(text for _, part in parts for text in part.warnings),
    )


def _all_shifts(parts: Sequence[Coordinates]) -> NDArray[np.float64] | None:
    """Return `(n, 3)` shifts [Å] of all parts' rows together, None if none has any."""
    if all(part.shift_zyx is None for part in parts):
        return None
    return np.concatenate(
        [
            np.zeros((len(part.score), 3)) if part.shift_zyx is None else part.shift_zyx
            for part in parts
        ]
    )


def _of_all_rows(parts: Sequence[Coordinates]) -> Sizes | None:
    """Return t [Å] of all parts' rows together, None if one does not say it."""
    sizes: list[float] = []
    for part in parts:
        t = part.tilt_pixel_size
        if t is None:
            return None
        sizes += t if isinstance(t, tuple) else [t] * len(part.score)
    return one_if_equal(sizes)


def _read_named(path: Path, name: str) -> Coordinates:
    """Return the coordinates of one file that an index names."""
    try:
        file = next((f for f in (path.parent / name, Path(name)) if f.is_file()), None)
    except OSError:  # a name longer than any file's
        file = None
    if file is None:
        raise ValueError(f"{path} names {name[:200]}, which does not exist; mend it")
    # An index among them could name itself without end.
    return _coordinates(file, read_blocks(file))
