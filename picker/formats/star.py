"""STAR files: our own, and those of RELION and Warp.

RELION's x, y, z, its pixels and its centre exist here alone. `p` is a 0-based voxel
index, `v` the tomogram's and `t` the tilt series' pixel size [Å].
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from picker.formats.records import Centre, Kind, StarCoordinates
from picker.formats.records import TomogramPicks as TomogramPicks
from picker.formats.star_table import numbers, read_blocks, write_block
from picker.formats.star_table import read_comments as read_comments
from picker.picks import Picks, picks_from_arrays

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

logger = logging.getLogger(__name__)


POSITION = tuple(f"pickerPosition{axis}" for axis in "XYZ")
CENTERED = tuple(f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ")
COORDINATE = tuple(f"rlnCoordinate{axis}" for axis in "XYZ")
SCORE = "rlnAutopickFigureOfMerit"
CLASS = "rlnClassNumber"
TILT_NOTE = "tilt_series_pixel_size"
VOLUME_SUFFIXES = {".tomostar", ".mrc", ".mrcs", ".map", ".rec", ".st", ".ali"}


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
    columns = [*POSITION, "pickerParticle", "pickerScore"]
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
    unbinned rlnTomoSize = round(size·v/t). `rlnClassNumber` counts particles from 1.

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
    columns = [*CENTERED, SCORE, CLASS]
    notes = _tilt_notes(tomograms, tilt_pixel_size)
    for number, particle in _with_warning(particles, tomograms):
        everything, index = [], []
        for one in tomograms:
            origin = _origin(one.shape_zyx, one.voxel_size, tilt_pixel_size, centre)
            rows = [
                [*_texts(position - origin), score, str(number)]
                for position, score in _of(one.picks, particle)
            ]
            everything += [[one.tomogram, *row] for row in rows]
            name = f"coordinates/{one.tomogram}.star"
            path = folder / "import" / particle / name
            write_block(path, "particles", columns, rows, notes)
            if rows:
                index.append([one.tomogram, name])
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
    columns = ["rlnTomoName", *COORDINATE, SCORE, CLASS]
    for number, particle in _with_warning(particles, tomograms):
        rows = []
        for one in tomograms:
            t = tilt_pixel_size or one.voxel_size
            rows += [
                [one.tomogram, *_texts(position / t + 1), score, str(number)]
                for position, score in _of(one.picks, particle)
            ]
        notes = _tilt_notes(tomograms, tilt_pixel_size)
        write_block(folder / f"{particle}.star", "particles", columns, rows, notes)


def write_relion3(
    folder: Path, tomograms: Sequence[TomogramPicks], particles: Sequence[str]
) -> None:
    """Write RELION 3.1 coordinates, one file a tomogram and class: rounded p.

    Whole numbers, because RELION 3.1 cuts decimals off; `p` lands at the box's N/2.
    """
    columns = [*COORDINATE, SCORE, CLASS]
    for number, particle in _with_warning(particles, tomograms):
        for one in tomograms:
            rows = []
            for position, score in _of(one.picks, particle):
                index = np.floor(position / one.voxel_size + 0.5).astype(int)
                # One particle outside stops RELION's whole job.
                index = np.clip(index, 0, np.array(one.shape_zyx) - 1)
                rows.append([*map(str, index[::-1]), score, str(number)])
            path = folder / particle / f"{one.tomogram}_pick.star"
            write_block(path, "", columns, rows)


def write_warp(
    folder: Path, tomograms: Sequence[TomogramPicks], particles: Sequence[str]
) -> None:
    """Write WarpTools coordinates, one file a tomogram and class: p in voxels.

    Import with `--coords_angpix` v. `rlnMicrographName` is `<tomogram>.tomostar`.
    """
    sizes = sorted({one.voxel_size for one in tomograms})
    if sizes and sizes[-1] > 1.001 * sizes[0]:
        text = "warning: voxels of %g to %g Å; run Warp once for each --coords_angpix"
        logger.warning(text, sizes[0], sizes[-1])
    columns = [*COORDINATE, "rlnMicrographName", SCORE]
    for _, particle in _with_warning(particles, tomograms):
        for one in tomograms:
            rows = [
                [*_texts(position / one.voxel_size), f"{one.tomogram}.tomostar", score]
                for position, score in _of(one.picks, particle)
            ]
            write_block(folder / f"{one.tomogram}_{particle}.star", "", columns, rows)


def read_coordinates(path: Path) -> StarCoordinates:
    """Return a STAR file's coordinates, whichever program wrote it.

    An index for RELION's import is followed to the files that it names, beside it or
    relative to the working directory.

    Raises
    ------
    ValueError
        If it is no STAR file, has no coordinates, or a row is damaged.
    """
    blocks = read_blocks(path)
    for columns in blocks.values():
        if "rlnTomoImportParticleFile" in columns:
            return _read_index(path, columns)
        kind, names = _kind(columns)
        if kind is None:
            continue
        value_xyz = np.stack([numbers(path, columns, name) for name in names], axis=1)
        name = "pickerScore" if kind == "picker" else SCORE
        score = (
            numbers(path, columns, name) if name in columns else np.ones(len(value_xyz))
        )
        return StarCoordinates(
            kind=kind,
            value_zyx=value_xyz[:, ::-1],
            score=score.astype(np.float32),
            tomogram=_tomograms(columns),
            particle=columns.get("pickerParticle"),
            tilt_pixel_size=_tilt_pixel_size(path, blocks),
            warnings=_origin_warning(path, columns),
        )
    raise ValueError(
        f"{path} has no coordinates; expected rlnCenteredCoordinateX/Y/ZAngst,"
        " rlnCoordinateX/Y/Z or pickerPositionX/Y/Z"
    )


def position_from_coordinates(
    path: Path,
    found: StarCoordinates,
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
    tilt_pixel_size: float | None = None,
    centre: Centre = "size/2",
) -> NDArray[np.float64]:
    """Return `(n, 3)` positions [Å, zyx] of what `read_coordinates` found.

    Parameters
    ----------
    path
        The file, for messages.
    found
        Its coordinates.
    voxel_size, shape_zyx
        Of the tomogram, [Å] and voxels.
    tilt_pixel_size
        t [Å]; None: as the file says.
    centre
        What RELION 5 calls 0.

    Raises
    ------
    ValueError
        If RELION 4's unbinned pixels come without t.
    """
    t = tilt_pixel_size or found.tilt_pixel_size
    if found.kind == "picker":
        return found.value_zyx
    if found.kind == "RELION 5":
        return found.value_zyx + _origin(shape_zyx, voxel_size, t, centre)
    if found.kind == "RELION 4":
        if t is None:
            raise ValueError(
                f"{path} counts in pixels of the tilt series (rlnTomoName with"
                " rlnCoordinateX/Y/Z) and does not say their size; add"
                " rlnTomoTiltSeriesPixelSize to its data_optics, or a first line"
                f" '# {TILT_NOTE}: <Å>'"
            )
        return (found.value_zyx - 1) * t
    return found.value_zyx * voxel_size


def _kind(columns: Mapping[str, object]) -> tuple[Kind | None, tuple[str, ...]]:
    """Return the convention that the columns' names tell, and those with x, y, z."""
    if any(name in columns for name in POSITION):
        return "picker", POSITION
    if any(name in columns for name in CENTERED):
        return "RELION 5", CENTERED
    if not any(name in columns for name in COORDINATE):
        return None, ()
    if ".tomostar" in str(columns.get("rlnTomoName", columns.get("rlnMicrographName"))):
        return "Warp", COORDINATE
    return "RELION 4" if "rlnTomoName" in columns else "RELION 3.1", COORDINATE


def _tomograms(columns: dict[str, list[str]]) -> list[str] | None:
    """Return each row's tomogram, without the folder and ending of a file's name."""
    if "rlnTomoName" in columns:
        return [name.removesuffix(".tomostar") for name in columns["rlnTomoName"]]
    if "rlnMicrographName" not in columns:
        return None
    paths = [Path(name) for name in columns["rlnMicrographName"]]
    return [p.stem if p.suffix in VOLUME_SUFFIXES else p.name for p in paths]


def _tilt_pixel_size(
    path: Path, blocks: dict[str, dict[str, list[str]]]
) -> float | None:
    """Return t [Å] from a table or from our own comment."""
    name = "rlnTomoTiltSeriesPixelSize"
    sizes = {
        float(size)
        for columns in blocks.values()
        if name in columns
        for size in numbers(path, columns, name)
    }
    if len(sizes) > 1:
        raise ValueError(
            f"{path} has tilt series of several pixel sizes ({sorted(sizes)} Å);"
            " expected one, split the file"
        )
    if sizes:
        return sizes.pop()
    note = read_comments(path).get(TILT_NOTE)
    return numbers(path, {TILT_NOTE: [note]}, TILT_NOTE)[0] if note else None


def _origin_warning(path: Path, columns: dict[str, list[str]]) -> tuple[str, ...]:
    """Return a warning if a refinement's shifts are in the file; they are not ours."""
    shifts = [name for name in columns if name.startswith("rlnOrigin")]
    given = [name for name in shifts if numbers(path, columns, name).any()]
    if not given:
        return ()
    return (f"{path}: {given[0]} is not applied; bake shifts into coordinates",)


def _read_index(path: Path, columns: dict[str, list[str]]) -> StarCoordinates:
    """Return the coordinates of all files that an index of RELION 5 names."""
    files = columns["rlnTomoImportParticleFile"]
    parts = []
    for tomogram, name in zip(columns["rlnTomoName"], files, strict=True):
        file = path.parent / name if (path.parent / name).exists() else Path(name)
        if not file.exists():
            raise ValueError(f"{path} names {name}, which does not exist; mend it")
        parts.append((tomogram, read_coordinates(file)))
    kinds = {part.kind for _, part in parts}
    if len(kinds) > 1 or not kinds <= {"RELION 5", "RELION 3.1"}:
        raise ValueError(
            f"{path} names files of {', '.join(sorted(kinds))}; expected"
            " rlnCenteredCoordinateX/Y/ZAngst or rlnCoordinateX/Y/Z in all"
        )
    tilts = {part.tilt_pixel_size for _, part in parts}
    return StarCoordinates(
        # Without a name in each row RELION 4's pixels look like RELION 3.1's.
        kind="RELION 4" if kinds == {"RELION 3.1"} else "RELION 5",
        value_zyx=np.concatenate([np.empty((0, 3)), *(p.value_zyx for _, p in parts)]),
        score=np.concatenate([np.empty(0, np.float32), *(p.score for _, p in parts)]),
        tomogram=[name for name, part in parts for _ in part.score],
        tilt_pixel_size=tilts.pop() if len(tilts) == 1 else None,
        warnings=tuple(text for _, part in parts for text in part.warnings),
    )


def _origin(
    shape_zyx: tuple[int, int, int],
    voxel_size: float,
    tilt_pixel_size: float | None,
    centre: Centre,
) -> NDArray[np.float64]:
    """Return the position [Å, zyx] that RELION 5 calls 0."""
    t = tilt_pixel_size or voxel_size
    unbinned = np.floor(np.array(shape_zyx) * voxel_size / t + 0.5)
    return (unbinned / 2 - (1 if centre == "size/2-1" else 0)) * t


def _tilt_notes(
    tomograms: Sequence[TomogramPicks], tilt_pixel_size: float | None
) -> list[str]:
    """Return a comment with t, which RELION looks up in its own tilt series."""
    sizes = {float(tilt_pixel_size or one.voxel_size) for one in tomograms}
    return [f"{TILT_NOTE}: {sizes.pop()!r}"] if len(sizes) == 1 else []


def _of(picks: Picks, particle: str) -> Iterator[tuple[NDArray[np.float64], str]]:
    """Yield position [Å, zyx] and score as text of one class's picks."""
    mine = picks.of(particle)
    for position, score in zip(mine.position_zyx, mine.score, strict=True):
        yield position, str(score)


def _texts(value_zyx: NDArray[np.float64]) -> list[str]:
    """Return x, y, z with six decimals at most: float32 has fewer, and no -0.0."""
    return [repr(round(float(value), 6) + 0.0) for value in value_zyx[::-1]]


def _with_warning(
    particles: Sequence[str], tomograms: Sequence[TomogramPicks]
) -> Iterator[tuple[int, str]]:
    """Yield each class's number from 1 and name; say which tomograms have none."""
    for number, particle in enumerate(particles, 1):
        without = [
            t.tomogram for t in tomograms if not (t.picks.particle == particle).any()
        ]
        if without:
            logger.warning(
                "warning: no picks of %s in %d of %d tomograms (%s); their files have"
                " a header alone",
                particle,
                len(without),
                len(tomograms),
                ", ".join(without[:5]) + (", …" if len(without) > 5 else ""),
            )
        yield number, particle
