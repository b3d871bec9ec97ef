"""STAR files: our own, and those of RELION and Warp.

RELION's x, y, z, its pixels and its centre exist here alone. `p` is a 0-based voxel
index, `v` the tomogram's and `t` the tilt series' pixel size [Å].
"""

from __future__ import annotations

import logging
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import starfile

from picker.picks import Picks, picks_from_arrays

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

AXES = ("Z", "Y", "X")
SCORE = "rlnAutopickFigureOfMerit"


@dataclass(frozen=True, kw_only=True, slots=True)
class TomogramPicks:
    """The picks of one tomogram, with what other programs must know of it.

    Attributes
    ----------
    tomogram
        Name.
    voxel_size
        v [Å].
    shape_zyx
        [voxels].
    picks
        Positions in Å.
    """

    tomogram: str
    voxel_size: float
    shape_zyx: tuple[int, int, int]
    picks: Picks


def write_picks(path: Path, picks: Picks, notes: dict[str, str] | None = None) -> None:
    """Write the program's own STAR: particle, position [Å], score; atomically.

    `notes` become comments `# name: value` at the top.
    """
    columns = ["pickerParticle", *(f"pickerPosition{a}" for a in "XYZ"), "pickerScore"]
    rows = [
        [particle, *(_number(v) for v in position[::-1]), _number(score)]
        for particle, position, score in zip(
            picks.particle, picks.position_zyx, picks.score, strict=True
        )
    ]
    comments = [
        "positions in angstrom; 0 is the centre of the first voxel",
        *(f"{name}: {value}" for name, value in (notes or {}).items()),
    ]
    _write(path, "picks", columns, rows, comments)


def read_picks(path: Path) -> Picks:
    """Return the picks of the program's own STAR file.

    Raises
    ------
    ValueError
        If the file is damaged or of another kind.
    """
    table = read_table(path)
    names = [f"pickerPosition{a}" for a in AXES]
    for name in ("pickerParticle", *names, "pickerScore"):
        if name not in table:
            raise ValueError(f"{path} has no column {name}; it is no file of picks")
    return picks_from_arrays(
        np.stack([_numbers(path, table, name) for name in names], axis=1),
        table["pickerParticle"],
        _numbers(path, table, "pickerScore"),
    )


def read_comments(path: Path) -> dict[str, str]:
    """Return the notes at the top of one of our STAR files."""
    notes = {}
    with path.open() as file:
        for line in file:
            if not line.startswith("#"):
                break
            name, _, value = line[1:].partition(":")
            notes[name.strip()] = value.strip()
    return notes


def read_table(path: Path) -> dict[str, list[str]]:
    """Return the columns of the picks' block, every value as text.

    The block with coordinates is taken, wherever `data_optics` and others stand.

    Raises
    ------
    ValueError
        If there is none, a row is short, or the file is no text.
    """
    try:
        blocks: dict[Any, Any] = starfile.read(
            path, always_dict=True, parse_as_string=_column_names(path)
        )
    except (UnicodeDecodeError, ValueError, TypeError, IndexError) as error:
        raise ValueError(f"{path} cannot be read as STAR: {error}") from error
    for block in blocks.values():
        columns = {name: _as_list(block[name]) for name in block}
        if any("Coordinate" in name or "Position" in name for name in columns):
            lengths = {len(values) for values in columns.values()}
            if len(lengths) > 1 or any(
                v in ("nan", "<NA>", "None") for vs in columns.values() for v in vs
            ):
                raise ValueError(f"{path} has a row with missing values; mend it")
            return columns
    raise ValueError(
        f"{path} has no block of coordinates; expected rlnCoordinateX/Y/Z,"
        " rlnCenteredCoordinateX/Y/ZAngst or pickerPositionX/Y/Z"
    )


def _column_names(path: Path) -> list[str]:
    """Return every column of a STAR file: all are read as text, so 01 stays 01."""
    lines = path.read_text().splitlines()
    return [line.split()[0][1:] for line in lines if line.startswith("_")]


def _as_list(values: Any) -> list[str]:
    return [str(v) for v in values] if not isinstance(values, str) else [values]


def _numbers(path: Path, table: dict[str, list[str]], name: str) -> NDArray[np.float64]:
    """Return one column as finite numbers."""
    try:
        values = np.array([float(value) for value in table[name]], np.float64)
    except ValueError as error:
        raise ValueError(f"{path}, column {name}: {error}; expected numbers") from error
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise ValueError(
            f"{path}, column {name}, row {bad[0] + 1} is {table[name][bad[0]]};"
            " expected a finite number"
        )
    return values


def write_relion5(
    folder: Path,
    tomograms: Sequence[TomogramPicks],
    particles: Iterable[str],
    tilt_pixel_size: float | None,
    centre: str = "size/2",
) -> None:
    """Write RELION 5 particles, centred Å, and the index that its import wants.

    `<particle>.star` has a block `data_particles`; `import/<particle>/index.star` names
    one STAR file a tomogram. Centred = p·v − rlnTomoSize/2·t with the unbinned size.

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
    names = [f"rlnCenteredCoordinate{a}Angst" for a in "XYZ"]
    for particle in particles:
        rows, index = [], []
        for one in tomograms:
            origin = _centre(one, tilt_pixel_size, centre)
            mine = [
                [one.tomogram, *(_number(v) for v in (position - origin)[::-1]), score]
                for position, score in _of(one.picks, particle)
            ]
            rows += mine
            name = f"coordinates/{one.tomogram}.star"
            _write(
                folder / "import" / particle / name,
                "particles",
                ["rlnTomoName", *names, SCORE],
                mine,
            )
            index.append([one.tomogram, name])
        _write(
            folder / f"{particle}.star",
            "particles",
            ["rlnTomoName", *names, SCORE],
            rows,
        )
        _write(
            folder / "import" / particle / "index.star",
            "",
            ["rlnTomoName", "rlnTomoImportParticleFile"],
            index,
        )


def _centre(
    one: TomogramPicks, tilt_pixel_size: float | None, centre: str
) -> NDArray[np.float64]:
    """Return the position [Å, zyx] that RELION 5 calls 0."""
    t = tilt_pixel_size or one.voxel_size
    unbinned = np.round(np.array(one.shape_zyx) * one.voxel_size / t)
    return (unbinned / 2 - (1 if centre == "size/2-1" else 0)) * t


def write_relion4(
    folder: Path,
    tomograms: Sequence[TomogramPicks],
    particles: Iterable[str],
    tilt_pixel_size: float | None,
) -> None:
    """Write RELION 4 particles: unbinned pixels from 1, p·v/t + 1."""
    columns = ["rlnTomoName", *(f"rlnCoordinate{a}" for a in "XYZ"), SCORE]
    for particle in particles:
        rows = [
            [
                one.tomogram,
                *(
                    _number(v / (tilt_pixel_size or one.voxel_size) + 1)
                    for v in position[::-1]
                ),
                score,
            ]
            for one in tomograms
            for position, score in _of(one.picks, particle)
        ]
        _write(folder / f"{particle}.star", "particles", columns, rows)


def write_relion3(
    folder: Path, tomograms: Sequence[TomogramPicks], particles: Sequence[str]
) -> None:
    """Write RELION 3.1 coordinates, one file a tomogram and class: rounded p.

    Whole numbers, because RELION 3.1 cuts decimals off; the voxel at `p` lands at the
    box's index N/2. `rlnClassNumber` counts the particles from 1.
    """
    columns = [*(f"rlnCoordinate{a}" for a in "XYZ"), SCORE, "rlnClassNumber"]
    for number, particle in enumerate(particles, 1):
        for one in tomograms:
            rows = [
                [
                    *(
                        str(math.floor(v / one.voxel_size + 0.5))
                        for v in position[::-1]
                    ),
                    score,
                    str(number),
                ]
                for position, score in _of(one.picks, particle)
            ]
            _write(folder / particle / f"{one.tomogram}_pick.star", "", columns, rows)


def write_warp(
    folder: Path, tomograms: Sequence[TomogramPicks], particles: Iterable[str]
) -> None:
    """Write WarpTools coordinates, one file a tomogram and class: p in voxels.

    Import with `--coords_angpix` v. `rlnMicrographName` is `<tomogram>.tomostar`.
    """
    columns = [*(f"rlnCoordinate{a}" for a in "XYZ"), "rlnMicrographName", SCORE]
    for particle in particles:
        for one in tomograms:
            rows = [
                [
                    *(_number(v / one.voxel_size) for v in position[::-1]),
                    f"{one.tomogram}.tomostar",
                    score,
                ]
                for position, score in _of(one.picks, particle)
            ]
            _write(folder / f"{one.tomogram}_{particle}.star", "", columns, rows)


def position_from_columns(
    path: Path,
    table: dict[str, list[str]],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
    tilt_pixel_size: float | None = None,
) -> tuple[NDArray[np.float64], str]:
    """Return `(n, 3)` positions [Å, zyx] and the name of the convention found.

    RELION 5's centred Å and RELION 4's unbinned pixels (which have rlnTomoName) need
    the tomogram's size and the tilt series' pixel size; otherwise pixels of the
    tomogram are expected.
    """
    t = tilt_pixel_size or voxel_size
    if "pickerPositionX" in table:
        names, kind = [f"pickerPosition{a}" for a in AXES], "picker"
    elif "rlnCenteredCoordinateXAngst" in table:
        names, kind = [f"rlnCenteredCoordinate{a}Angst" for a in AXES], "RELION 5"
    else:
        names = [f"rlnCoordinate{a}" for a in AXES]
        kind = "RELION 4" if "rlnTomoName" in table else "RELION 3.1 or Warp"
    for name in names:
        if name not in table:
            raise ValueError(f"{path} has no column {name}; all of x, y, z are needed")
    values = np.stack([_numbers(path, table, name) for name in names], axis=1)
    if kind == "picker":
        return values, kind
    if kind == "RELION 5":
        return values + np.round(np.array(shape_zyx) * voxel_size / t) / 2 * t, kind
    if kind == "RELION 4":
        return (values - 1) * t, kind
    return values * voxel_size, kind


def _of(picks: Picks, particle: str) -> list[tuple[NDArray[np.float64], str]]:
    """Return position [Å, zyx] and score as text of one class's picks."""
    mine = picks.of(particle)
    return [
        (position, _number(score))
        for position, score in zip(mine.position_zyx, mine.score, strict=True)
    ]


def _number(value: float) -> str:
    """Return a number with as many digits as float32 needs."""
    return f"{float(value):.9g}"


def _write(
    path: Path,
    block: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    comments: Sequence[str] = (),
) -> None:
    """Write one loop; without rows a header that readers understand as empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"# {comment}" for comment in comments]
    lines += ["", f"data_{block}", "", "loop_"]
    lines += [f"_{name} #{number}" for number, name in enumerate(columns, 1)]
    lines += [" ".join(row) for row in rows]
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text("\n".join([*lines, "", ""]))
    temporary.replace(path)
