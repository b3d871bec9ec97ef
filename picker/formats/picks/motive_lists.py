"""Motive lists of STOPGAP (STAR) and of AV3, TOM and Artiatomi (EM, 20 rows).

Positions are voxels from 1, as MATLAB counts, whole ones with a shift to add.

Source: STOPGAP, sg_toolbox/sg_get_motl_fields.m and sg_motl_write2.m; FrangakisLab,
ArtiaX, src/io/Artiatomi/ArtiatomiParticleData.py; turonova/cryoCAT,
cryocat/core/cryomotl.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from picker.core.files import write_text, written_whole
from picker.formats.picks.angles import motl_from_rotation, rotation_from_motl, told
from picker.formats.picks.records import Coordinates, coordinates_from_xyz
from picker.formats.picks.tomogram_numbers import lines_of_names, names_of_numbers
from picker.formats.picks.writing import each_class
from picker.formats.tables.star_table import read_tables, write_block
from picker.formats.volumes.em import HEADER_BYTES, ORDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.formats.picks.records import TomogramPicks

BLOCK = "stopgap_motivelist"
WHOLE = ("orig_x", "orig_y", "orig_z")
SHIFT = ("x_shift", "y_shift", "z_shift")
ANGLES = ("phi", "psi", "the")
TOMOGRAM = "tomo_num"
COLUMNS = (
    *("motl_idx", TOMOGRAM, "object", "subtomo_num", "halfset"),
    *(*WHOLE, "score", *SHIFT, *ANGLES, "class"),
)
ROWS = 20
"""Numbers of a particle in an EM file."""
FLOAT32 = 5
"""EM's number of that type."""
PC = 6
"""EM's number of a machine with the low byte first."""
START_BYTES = 16
"""So many are needed to recognise a list."""
# Rows from 0: score; particle, tomogram, object; whole voxels, shifts, angles; class.
ROW_SCORE, ROW_PARTICLE, ROW_TOMOGRAM, ROW_OBJECT, ROW_CLASS = 0, 3, 4, 5, 19
ROW_WHOLE, ROW_SHIFT, ROW_ANGLES = slice(7, 10), slice(10, 13), slice(16, 19)


class Particles(NamedTuple):
    """The particles of one class in a list.

    Attributes
    ----------
    tomogram
        `(n,)` number of each one's tomogram, from 1.
    whole_xyz, shift_xyz
        `(n, 3)` voxels from 1, and what to add.
    angles
        `(n, 3)` phi, psi, theta [degrees], 0 where unknown.
    score
        `(n,)`.
    """

    tomogram: NDArray[np.intp]
    whole_xyz: NDArray[np.float64]
    shift_xyz: NDArray[np.float64]
    angles: NDArray[np.float64]
    score: NDArray[np.float32]


def read_stopgap(path: Path) -> Coordinates:
    """Return the particles of a list of STOPGAP, in voxels from 0.

    Raises
    ------
    ValueError
        If a column is missing, a value is not a finite number, or it holds several
        tomograms and no .doc names them.
    """
    numbers = {TOMOGRAM, *WHOLE, *SHIFT, *ANGLES, "score"}
    tables = read_tables(path, (), numbers)
    table = next((table for table in tables if table.name == BLOCK), None)
    if table is None:
        raise ValueError(
            f"{path} has no rows and columns below data_{BLOCK}; expected a loop_"
        )

    def columns(names: Sequence[str]) -> NDArray[np.float64]:
        return np.stack([table.numbers(name) for name in names], axis=1)

    return _coordinates(
        path,
        "STOPGAP motive list",
        columns(WHOLE) + columns(SHIFT),
        columns(ANGLES),
        table.numbers("score", may_lack=True),
        table.numbers(TOMOGRAM),
        f"column {TOMOGRAM}",
    )


def is_av3(start: bytes) -> bool:
    """Return whether a file that begins with these bytes is a motive list in EM."""
    if len(start) < START_BYTES or start[0] not in ORDERS or start[3] != FLOAT32:
        return False
    x, num, z = _shape_xyz(start)
    return (x, z) == (ROWS, 1) and num >= 0


def read_av3(path: Path) -> Coordinates:
    """Return the particles of a list in an EM file, in voxels from 0.

    Rows 14 to 16, the shift of rows 11 to 13 as the reference sees it, are not needed.

    Raises
    ------
    ValueError
        If the file is truncated, a value is not finite, or it holds several tomograms
        and no .doc names them.
    """
    data = path.read_bytes()
    num = _shape_xyz(data)[1]
    expected = HEADER_BYTES + 4 * ROWS * num
    if len(data) < expected:
        raise ValueError(
            f"{path} is truncated: its header announces {num} particles, {expected}"
            f" bytes, the file has {len(data)}; copy it again"
        )
    kind = np.dtype("f4").newbyteorder(ORDERS[data[0]])
    stored = np.frombuffer(data, kind, ROWS * num, HEADER_BYTES).reshape(num, ROWS)
    with np.errstate(invalid="ignore"):
        values = stored.astype(np.float64)
    needed = np.r_[ROW_TOMOGRAM, ROW_WHOLE, ROW_SHIFT, ROW_ANGLES]
    bad = np.argwhere(~np.isfinite(values[:, needed]))
    if len(bad):
        particle, place = bad[0]
        raise ValueError(
            f"{path}: particle {particle + 1} has no finite number in row"
            f" {needed[place] + 1} of {ROWS}; expected one, fix it"
        )
    return _coordinates(
        path,
        "AV3 motive list",
        values[:, ROW_WHOLE] + values[:, ROW_SHIFT],
        values[:, ROW_ANGLES],
        values[:, ROW_SCORE],
        values[:, ROW_TOMOGRAM],
        f"row {ROW_TOMOGRAM + 1}",
    )


def _shape_xyz(start: bytes) -> tuple[int, int, int]:
    order = ORDERS[start[0]]
    x, y, z = np.frombuffer(start, f"{order}i4", count=3, offset=4).tolist()
    return x, y, z


def _coordinates(
    path: Path,
    kind: str,
    xyz: NDArray[np.float64],
    angles: NDArray[np.float64],
    score: NDArray[np.float64],
    tomogram: NDArray[np.float64],
    column: str,
) -> Coordinates:
    numbers = [f"{number:g}" for number in tomogram]
    return coordinates_from_xyz(
        kind,
        "voxels",
        xyz - 1,
        # In a list from before any alignment all scores are 0.
        score=score if score.any() else None,
        tomogram=names_of_numbers(path, numbers, column),
        rotation=told(rotation_from_motl(angles)),
    )


def write_stopgap(
    folder: Path, tomograms: Sequence[TomogramPicks], particles: Sequence[str]
) -> None:
    """Write `<particle>.star` with all tomograms, and its `.doc`.

    Halfsets alternate. The .doc names each tomogram's volume `<tomogram>.mrc`.
    """

    def write(path: Path, number: int, found: Particles) -> None:
        rows = [
            [
                *(str(row), str(tomogram), "1", str(row), "BA"[row % 2]),
                *(f"{value:.0f}" for value in whole),
                str(score),
                *(f"{value + 0.0:.6f}" for value in (*shift, *angles)),
                str(number),
            ]
            for row, (tomogram, whole, shift, angles, score) in enumerate(
                zip(*found, strict=True), 1
            )
        ]
        write_block(path.with_suffix(".star"), BLOCK, COLUMNS, rows, are_numbered=False)

    _write(folder, tomograms, particles, write)


def write_av3(
    folder: Path, tomograms: Sequence[TomogramPicks], particles: Sequence[str]
) -> None:
    """Write `<particle>.em` with all tomograms, float32, and its `.doc`."""

    def write(path: Path, number: int, found: Particles) -> None:
        num = len(found.score)
        values = np.zeros((num, ROWS), "<f4")
        values[:, ROW_SCORE] = found.score
        values[:, ROW_PARTICLE] = np.arange(1, num + 1)
        values[:, ROW_TOMOGRAM] = found.tomogram
        values[:, ROW_OBJECT] = 1
        values[:, ROW_WHOLE] = found.whole_xyz
        values[:, ROW_SHIFT] = found.shift_xyz
        values[:, ROW_ANGLES] = found.angles
        values[:, ROW_CLASS] = number
        header = bytes([PC, 0, 0, FLOAT32]) + np.array([ROWS, num, 1], "<i4").tobytes()
        with written_whole(path.with_suffix(".em")) as temporary:
            temporary.write_bytes(header.ljust(HEADER_BYTES, b"\0") + values.tobytes())

    _write(folder, tomograms, particles, write)


def _write(
    folder: Path,
    tomograms: Sequence[TomogramPicks],
    particles: Sequence[str],
    write: Callable[[Path, int, Particles], None],
) -> None:
    """Let `write` write each class, and write the names of all tomograms beside it."""
    names = lines_of_names(one.tomogram for one in tomograms)
    for number, particle in each_class(particles, tomograms):
        path = folder / f"{particle}.doc"
        write_text(path, names)
        write(path, number, _particles(tomograms, particle))


def _particles(tomograms: Sequence[TomogramPicks], particle: str) -> Particles:
    parts = [one.picks.of(particle) for one in tomograms]
    index_xyz = np.concatenate(
        [
            np.empty((0, 3)),
            *(
                part.position_zyx[:, ::-1] / one.voxel_size
                for one, part in zip(tomograms, parts, strict=True)
            ),
        ]
    )
    angles = [
        np.zeros((len(part), 3))
        if part.rotation is None
        else np.nan_to_num(motl_from_rotation(part.rotation))
        for part in parts
    ]
    whole = np.floor(index_xyz + 0.5)
    return Particles(
        tomogram=np.repeat(np.arange(1, len(parts) + 1), [len(part) for part in parts]),
        whole_xyz=whole + 1,
        shift_xyz=index_xyz - whole,
        angles=np.concatenate([np.empty((0, 3)), *angles]),
        score=np.concatenate([np.empty(0, np.float32), *(p.score for p in parts)]),
    )
