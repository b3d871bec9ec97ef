"""Picks that a user brings, from whichever kind of file, checked against the volume."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from picker.formats.by_tomogram import of_tomogram
from picker.formats.copick import object_name
from picker.formats.kinds import read_coordinates
from picker.formats.plausible import check_positions
from picker.formats.sizes import settled
from picker.formats.text import listed
from picker.formats.units import position_from_coordinates
from picker.picks import Picks, concatenate, picks_from_arrays

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import Particle
    from picker.formats.records import Coordinates

logger = logging.getLogger(__name__)

AGREES = 0.01
"""Pixel sizes that differ by a smaller fraction are the same, rounded."""


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
        Files of any kind that `text.READABLE` names, told by content. A file may hold
        several tomograms: the rows of this one are taken, by exact name. Where a file
        does not say the class, its name or its folder's does.
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
        found = read_coordinates(path, tomogram)
        mine, others = of_tomogram(found, tomogram)
        logger.info("%s: %d picks, read as %s", path, len(mine.value_zyx), found.kind)
        if others:
            strangers.append(f"{path} knows {listed(others)}")
        mine, said = settled(path, mine, voxel_size, shape_zyx)
        position = position_from_coordinates(
            path, mine, voxel_size, shape_zyx, tilt_pixel_size
        )
        classes = _classes(path, mine, names)
        picks = picks_from_arrays(position, classes, mine.score)
        warnings += [*found.warnings, *tilt_warning(path, mine, tilt_pixel_size)]
        warnings += said
        warnings += check_positions(path, mine, position, voxel_size, shape_zyx)
        if len(picks) == 0:
            warnings.append(f"{path} has no picks of {tomogram}")
        parts.append(picks)
    if strangers and len(strangers) == len(paths):
        raise ValueError(
            f"no picks of tomogram {tomogram}: {'; '.join(strangers)}; names must be"
            " the same, letter for letter"
        )
    picks, num_twice = _without_duplicates(concatenate(parts))
    if num_twice:
        warnings.append(f"{tomogram} has {num_twice} picks twice; kept once")
    return picks, warnings


def tilt_warning(path: Path, found: Coordinates, given: float | None) -> list[str]:
    """Return a warning if a file of the tilt series' pixels knows another size."""
    said = found.tilt_pixel_size
    if isinstance(said, tuple):
        said = next((t for t in said if given is None or t != given), said[0])
    if (
        found.unit != "pixels of the tilt series"
        or given is None
        or said is None
        or abs(said - given) <= AGREES * given
    ):
        return []
    return [
        f"{path}: tilt_pixel_size {given:g} Å was set, the file says {said:g} Å; taken"
        f" as {given:g} Å"
    ]


def _classes(path: Path, found: Coordinates, names: list[str]) -> list[str]:
    """Return each row's class, from the row or from the file's name.

    Raises
    ------
    ValueError
        If it is none of those that may occur.
    """
    if found.particle is None:
        return _class_of(path, names, len(found.value_zyx))
    # Copick has no underscores: a-b there may be our a_b.
    ours = {object_name(name): name for name in names} | {name: name for name in names}
    unknown = sorted(set(found.particle) - set(ours))
    if unknown:
        raise ValueError(
            f"{path} has picks of {listed(map(repr, unknown))}; expected"
            f" {', '.join(names)}, add the particle to config.yaml or mend the file"
        )
    return [ours[name] for name in found.particle]


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


def _without_duplicates(picks: Picks) -> tuple[Picks, int]:
    """Return the picks, each place and class once, and how many were left out."""
    seen = dict[tuple[str, bytes], int]()
    for i, (name, place) in enumerate(
        zip(picks.particle, picks.position_zyx, strict=True)
    ):
        seen.setdefault((str(name), place.tobytes()), i)
    first = np.fromiter(seen.values(), np.intp, len(seen))
    return picks.select(first), len(picks) - len(first)
