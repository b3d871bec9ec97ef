"""Picks that a user brings, from whichever kind of file, checked against the volume."""

from __future__ import annotations

import csv
import logging
from typing import TYPE_CHECKING

import numpy as np

from picker.formats import copick, star
from picker.picks import Picks, concatenate, picks_from_arrays

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import Particle

logger = logging.getLogger(__name__)

PARTICLE_COLUMNS = ("particle", "particle_type", "class")
TOMOGRAM_COLUMNS = ("tomogram", "experiment")


def read_given_picks(
    paths: Sequence[Path],
    tomogram: str,
    particles: Sequence[Particle],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> tuple[Picks, list[str]]:
    """Return a tomogram's known picks [Å], and warnings.

    Parameters
    ----------
    paths
        STAR (ours, RELION, Warp), copick JSON, CSV or TSV; told by content. A file
        may hold several tomograms: the rows of this one are taken.
    tomogram
        Its name.
    particles
        The classes that may occur.
    voxel_size, shape_zyx
        Of the tomogram, [Å] and [voxels].

    Raises
    ------
    ValueError
        If a file cannot be read, names another class, or has picks outside.
    """
    warnings: list[str] = []
    names = [particle.name for particle in particles]
    parts = []
    for path in paths:
        if not path.is_file():
            raise ValueError(f"file of picks {path} does not exist; mend the table")
        picks, kind = _read(path, tomogram, names, voxel_size, shape_zyx)
        logger.info("%s: %d picks, read as %s", path, len(picks), kind)
        unknown = sorted(set(picks.particle.tolist()) - set(names))
        if unknown:
            raise ValueError(
                f"{path} has picks of {', '.join(unknown)}; config.yaml knows"
                f" {', '.join(names)}. Add it there or mend the file"
            )
        _check_inside(path, picks, voxel_size, shape_zyx)
        if len(picks) == 0:
            warnings.append(f"{path} has no picks of {tomogram}")
        parts.append(picks)
    picks = concatenate(parts)
    rows = np.array(
        [
            f"{name} {place.tobytes().hex()}"
            for name, place in zip(picks.particle, picks.position_zyx, strict=True)
        ]
    )
    _, first = np.unique(rows, return_index=True)
    if len(first) < len(picks):
        warnings.append(
            f"{tomogram} has {len(picks) - len(first)} picks twice; kept once"
        )
    return picks.select(np.sort(first)), warnings


def _read(
    path: Path,
    tomogram: str,
    names: list[str],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> tuple[Picks, str]:
    """Return one file's picks and what kind it was."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is no text; expected STAR, copick JSON, CSV or TSV"
        ) from error
    start = text.lstrip()[:1]
    if start == "{":
        name, positions, scores = copick.read_picks(path)
        return picks_from_arrays(positions, [name] * len(positions), scores), "copick"
    if any(line.startswith("data_") for line in text.splitlines()[:200]):
        return _read_star(path, tomogram, names, voxel_size, shape_zyx)
    return _read_csv(path, text, tomogram, names), "CSV or TSV in Å"


def _read_star(
    path: Path,
    tomogram: str,
    names: list[str],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> tuple[Picks, str]:
    """Return the picks of this tomogram from a STAR file."""
    table = star.read_table(path)
    position, kind = star.position_from_columns(path, table, voxel_size, shape_zyx)
    num = len(position)
    owner = table.get("rlnTomoName") or table.get("rlnMicrographName")
    keep = np.ones(num, bool)
    if owner and num:
        stems = [o.rpartition("/")[2].removesuffix(".tomostar") for o in owner]
        keep = np.array([stem == tomogram for stem in stems])
        if not keep.any():
            raise ValueError(
                f"{path} has no picks of {tomogram}; it names"
                f" {', '.join(sorted(set(stems))[:5])}"
            )
    particle = table.get("pickerParticle") or [_class_of(path, names)] * num
    score = table.get("pickerScore") or table.get(star.SCORE) or ["1"] * num
    picks = picks_from_arrays(position, particle, [float(value) for value in score])
    return picks.select(keep), f"{kind} STAR"


def _read_csv(path: Path, text: str, tomogram: str, names: list[str]) -> Picks:
    """Return the picks of this tomogram from comma- or tab-separated columns."""
    lines = text.splitlines()
    delimiter = "\t" if lines and "\t" in lines[0] else ","
    reader = csv.DictReader(lines, delimiter=delimiter)
    columns = [name.strip() for name in reader.fieldnames or []]
    if not {"x", "y", "z"} <= set(columns):
        raise ValueError(
            f"{path} has the columns {columns}; expected x, y, z [Å], or STAR or copick"
            " JSON"
        )
    kind = next((name for name in PARTICLE_COLUMNS if name in columns), None)
    owner = next((name for name in TOMOGRAM_COLUMNS if name in columns), None)
    positions, particles, scores = [], [], []
    for line, row in enumerate(reader, 2):
        if owner and row[owner] != tomogram:
            continue
        try:
            place = [float(row[axis]) for axis in "zyx"]
            score = float(row.get("score") or 1)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{path}, line {line}: {error}; expected numbers"
            ) from error
        if not np.isfinite(place).all():
            raise ValueError(f"{path}, line {line} is not finite: {place} (z, y, x)")
        positions.append(place)
        particles.append(row[kind] if kind else _class_of(path, names))
        scores.append(score)
    return picks_from_arrays(positions, particles, scores)


def _class_of(path: Path, names: list[str]) -> str:
    """Return the class that a file without one is about: its name says it."""
    if len(names) == 1:
        return names[0]
    found = [name for name in names if name in path.stem]
    if not found:
        raise ValueError(
            f"{path} does not say which particle its picks are; name the file after one"
            f" of {', '.join(names)}"
        )
    return max(found, key=len)


def _check_inside(
    path: Path, picks: Picks, voxel_size: float, shape_zyx: tuple[int, int, int]
) -> None:
    """Refuse picks outside of the volume, and say when the unit looks wrong."""
    if len(picks) == 0:
        return
    # The outer faces of the first and last voxels.
    low = -0.5 * voxel_size
    high = (np.array(shape_zyx) - 0.5) * voxel_size
    outside = ((picks.position_zyx < low) | (picks.position_zyx > high)).any(axis=1)
    if not outside.any():
        return
    reading = ""
    as_angstrom = picks.position_zyx / voxel_size
    if ((as_angstrom >= low) & (as_angstrom <= high)).all():
        reading = (
            " They would all lie inside if the file's numbers were Å rather than voxels:"
            " give them in the unit of their format"
        )
    first = picks.position_zyx[np.flatnonzero(outside)[0]]
    raise ValueError(
        f"{path} has {outside.sum()} of {len(picks)} picks outside of the tomogram, the"
        f" first at {np.round(first, 1).tolist()} Å (z, y, x); it ends at"
        f" {np.round(high, 1).tolist()} Å.{reading}"
    )
