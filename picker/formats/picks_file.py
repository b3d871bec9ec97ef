"""Picks that a user brings, from whichever kind of file, checked against the volume."""

from __future__ import annotations

import csv
import io
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from picker.formats import copick, star
from picker.picks import Picks, concatenate, picks_from_arrays

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.config import Particle

logger = logging.getLogger(__name__)

PARTICLE_COLUMNS = ("particle", "particle_type")
TOMOGRAM_COLUMNS = ("tomogram", "experiment")
READABLE = "STAR (picker, RELION, Warp), copick JSON, CSV or TSV with x, y, z in Å"
FEWEST_TO_JUDGE = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """One file's picks of one tomogram.

    Attributes
    ----------
    kind
        The detected kind of file, for the log.
    unit
        What the file's numbers are: Å from voxel 0, voxels from 0, or neither.
    picks
        Positions in Å.
    others
        Tomograms that the file names if this one is not among them.
    warnings
        What was left out.
    """

    kind: str
    unit: str
    picks: Picks
    others: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_given_picks(
    paths: Sequence[Path],
    tomogram: str,
    particles: Sequence[Particle],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
    tilt_pixel_size: float | None = None,
) -> tuple[Picks, list[str]]:
    """Return a tomogram's known picks [Å], and warnings.

    Parameters
    ----------
    paths
        STAR (ours, RELION, Warp), copick JSON, CSV or TSV; told by content. A file
        may hold several tomograms: the rows of this one are taken, by exact name.
        Where a file does not say the class, its name or its folder's does.
    tomogram
        Its name.
    particles
        The classes that may occur.
    voxel_size, shape_zyx
        Of the tomogram, [Å] and voxels.
    tilt_pixel_size
        Pixel size of the tilt series [Å] for RELION 4 and 5; None: as the file says.

    Raises
    ------
    ValueError
        If a file cannot be read, names another class, a row is not finite, picks lie
        outside of the volume, or no file knows this tomogram.
    """
    names = [particle.name for particle in particles]
    warnings: list[str] = []
    parts, strangers = [], []
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"file of picks {path} does not exist; mend it")
        found = _read(path, tomogram, names, voxel_size, shape_zyx, tilt_pixel_size)
        logger.info("%s: %d picks, read as %s", path, len(found.picks), found.kind)
        if found.others:
            strangers.append(f"{path} knows {', '.join(found.others[:5])}")
        _check_names(path, found.picks, names)
        _check_inside(path, found, voxel_size, shape_zyx)
        warnings += found.warnings
        warnings += _unit_warning(path, found, voxel_size, shape_zyx)
        if len(found.picks) == 0:
            warnings.append(f"{path} has no picks of {tomogram}")
        parts.append(found.picks)
    if strangers and len(strangers) == len(paths):
        raise ValueError(
            f"no picks of tomogram {tomogram}: {'; '.join(strangers)}; names must be"
            " the same, letter for letter"
        )
    picks, num_twice = _without_duplicates(concatenate(parts))
    if num_twice:
        warnings.append(f"{tomogram} has {num_twice} picks twice; kept once")
    return picks, warnings


def _read(
    path: Path,
    tomogram: str,
    names: list[str],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
    tilt_pixel_size: float | None,
) -> _Found:
    """Return one file's picks of this tomogram; its content tells the kind."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text; expected {READABLE}") from error
    if text.lstrip().startswith("{"):
        return _read_copick(path, tomogram, names)
    if any(line.lstrip().startswith("data_") for line in text.splitlines()):
        found = star.read_coordinates(path)
        position = star.position_from_coordinates(
            path, found, voxel_size, shape_zyx, tilt_pixel_size
        )
        units = {"picker": "Å", "RELION 3.1": "voxels", "Warp": "voxels"}
        return _of_tomogram(
            path,
            tomogram,
            _Found(
                kind=f"{found.kind} STAR",
                unit=units.get(found.kind, ""),
                picks=picks_from_arrays(
                    position,
                    found.particle or _class_of(path, names, len(position)),
                    found.score,
                ),
                warnings=found.warnings,
            ),
            found.tomogram,
        )
    return _read_csv(path, text, tomogram, names)


def _of_tomogram(
    path: Path, tomogram: str, found: _Found, owners: list[str] | None
) -> _Found:
    """Return what belongs to the tomogram, and whom the rest belongs to."""
    if not owners:
        return found
    mine = np.array(owners) == tomogram
    others = () if mine.any() else tuple(dict.fromkeys(owners))
    return _Found(
        kind=found.kind,
        unit=found.unit,
        picks=found.picks.select(mine),
        others=others,
        warnings=found.warnings,
    )


def _read_copick(path: Path, tomogram: str, names: list[str]) -> _Found:
    name, run, positions, scores = copick.read_picks(path)
    # Copick has no underscores: a-b there may be our a_b.
    ours = {copick.object_name(n): n for n in names} | {n: n for n in names}
    particle = [ours.get(name, name)] * len(positions)
    found = _Found(
        kind="copick JSON",
        unit="Å",
        picks=picks_from_arrays(positions, particle, scores),
    )
    return _of_tomogram(path, tomogram, found, [run] * len(positions) if run else None)


def _read_csv(path: Path, text: str, tomogram: str, names: list[str]) -> _Found:
    """Return the picks of this tomogram from comma- or tab-separated columns."""
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    reader = csv.DictReader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True
    )
    columns = [name.strip() for name in reader.fieldnames or []]
    reader.fieldnames = columns
    if not {"x", "y", "z"} <= set(columns):
        raise ValueError(
            f"{path} is no file of picks: it begins with {text[:60]!r}; expected"
            f" {READABLE}"
        )
    particle = next((name for name in PARTICLE_COLUMNS if name in columns), None)
    owner = next((name for name in TOMOGRAM_COLUMNS if name in columns), None)
    rows, numbers = [], []
    for row in reader:
        try:
            values = [float(row[axis]) for axis in "zyx"]
            values.append(float(row.get("score") or 1))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{path}, line {reader.line_num}: {error}; expected numbers in x, y, z"
            ) from error
        if not np.isfinite(values).all():
            raise ValueError(
                f"{path}, line {reader.line_num} is not finite: z, y, x, score"
                f" {values}; expected numbers"
            )
        rows.append(row)
        numbers.append(values)
    table = np.array(numbers, np.float64).reshape(-1, 4)
    classes = (
        [(row[particle] or "").strip() for row in rows]
        if particle
        else _class_of(path, names, len(rows))
    )
    found = _Found(
        kind="CSV" if delimiter == "," else "TSV",
        unit="Å",
        picks=picks_from_arrays(table[:, :3], classes, table[:, 3]),
    )
    owners = [(row[owner] or "").strip() for row in rows] if owner else None
    return _of_tomogram(path, tomogram, found, owners)


def _class_of(path: Path, names: list[str], num: int) -> list[str]:
    """Return the one class of a file whose rows do not say it, once for each row.

    The file's name says it, whole or between '_', '-' and '.', or the folder's name.
    """
    if len(names) == 1 or num == 0:
        return names[:1] * num
    padded = f"_{path.stem}_".replace("-", "_").replace(".", "_")
    within = [
        name
        for name in names
        if f"_{name}_".replace("-", "_").replace(".", "_") in padded
    ]
    within = within or [name for name in names if name == path.parent.name]
    if not within:
        raise ValueError(
            f"{path} does not say which particle its picks are; name the file after one"
            f" of {', '.join(names)}"
        )
    return [max(within, key=len)] * num


def _check_names(path: Path, picks: Picks, names: list[str]) -> None:
    unknown = sorted(set(picks.particle.tolist()) - set(names))
    if unknown:
        raise ValueError(
            f"{path} has picks of {', '.join(map(repr, unknown))}; expected"
            f" {', '.join(names)}, add the particle to config.yaml or mend the file"
        )


def _check_inside(
    path: Path, found: _Found, voxel_size: float, shape_zyx: tuple[int, int, int]
) -> None:
    """Refuse picks outside of the volume, and say so if the unit explains it."""
    index = found.picks.position_zyx / voxel_size
    outside = ~np.all(_inside(index, shape_zyx), axis=1)
    if not outside.any():
        return
    first = int(np.flatnonzero(outside)[0])
    advice = "check the voxel size, the tomogram and the file"
    # In a file of voxels the index is the number that the file has.
    if found.unit == "voxels" and _inside(index / voxel_size, shape_zyx).all():
        advice = (
            f"its numbers look like Å: the first read as voxels is voxel"
            f" {_xyz(index[first])}, read as Å it is voxel"
            f" {_xyz(index[first] / voxel_size)}; divide them by {voxel_size:g}"
        )
    raise ValueError(
        f"{path} ({found.kind}) has {outside.sum()} of {len(outside)} picks outside of"
        f" the tomogram, the first at x, y, z"
        f" {_xyz(found.picks.position_zyx[first])} Å; expected 0, 0, 0 to"
        f" {_xyz((np.array(shape_zyx) - 1) * voxel_size)} Å; {advice}"
    )


def _inside(
    index_zyx: NDArray[np.float64], shape_zyx: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """Return where an index is between the outer faces of first and last voxel."""
    inside: NDArray[np.bool_] = (index_zyx >= -0.5) & (
        index_zyx <= np.array(shape_zyx) - 0.5
    )
    return inside


def _unit_warning(
    path: Path, found: _Found, voxel_size: float, shape_zyx: tuple[int, int, int]
) -> list[str]:
    """Return a warning if positions in Å look like voxels: whole and small."""
    position = found.picks.position_zyx
    if (
        found.unit != "Å"
        or len(position) < FEWEST_TO_JUDGE
        or (position >= np.array(shape_zyx)).any()
        or (position != np.round(position)).any()
    ):
        return []
    return [
        f"{path}: all {len(position)} positions are whole numbers below the"
        f" tomogram's number of voxels; the first, read as Å, is voxel"
        f" {_xyz(position[0] / voxel_size)}, read as voxels it would be at"
        f" {_xyz(position[0] * voxel_size)} Å; if they are voxels, multiply them by"
        f" {voxel_size:g}"
    ]


def _xyz(value_zyx: NDArray[np.float64]) -> str:
    """Return x, y, z as text."""
    return "(" + ", ".join(f"{value:.4g}" for value in value_zyx[::-1]) + ")"


def _without_duplicates(picks: Picks) -> tuple[Picks, int]:
    """Return the picks, each place and class once, and how many were left out."""
    seen = dict[tuple[str, bytes], int]()
    for i, (name, place) in enumerate(
        zip(picks.particle, picks.position_zyx, strict=True)
    ):
        seen.setdefault((str(name), place.tobytes()), i)
    first = np.fromiter(seen.values(), np.intp, len(seen))
    return picks.select(first), len(picks) - len(first)
