"""Picks that a user brings, from whichever kind of file, checked against the volume."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import numpy as np

from picker.config import safe_name
from picker.core.picks import Picks, concatenate, picks_from_arrays
from picker.formats.picks.copick import object_name
from picker.formats.picks.kinds import read_coordinates
from picker.formats.picks.owners import owned_by
from picker.formats.picks.placed import Place, placed
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import Contours, Outside, Particle
    from picker.formats.picks.records import Coordinates

logger = logging.getLogger(__name__)


def read_given_picks(
    paths: Sequence[Path],
    tomogram: str,
    particles: Sequence[Particle],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
    tilt_pixel_size: float | None = None,
    outside: Outside = "drop_few",
    contours: Contours | None = None,
    called: str | None = None,
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
    outside
        What becomes of picks outside of the volume.
    contours
        What is a pick in contours of several points; None: unknown, and an error.
    called
        The tomogram's name in the files, where that is another.

    Raises
    ------
    ValueError
        If a file cannot be read, names another class, a row is not finite, picks lie
        outside of the volume, or no file knows this tomogram.
    """
    place = Place(
        voxel_size=voxel_size,
        shape_zyx=shape_zyx,
        tilt_pixel_size=tilt_pixel_size,
        outside=outside,
        contours=contours,
    )
    warnings: list[str] = []
    parts, strangers = [], []
    for path in paths:
        found = read_coordinates(path, tomogram, called)
        mine, others = owned_by(path, found, tomogram, called)
        logger.info("%s: %d picks, read as %s", path, len(mine.value_zyx), found.kind)
        if others:
            strangers.append(f"{path} knows {listed(others)}")
        mine, position, said = placed(path, mine, place)
        classes, unlike = _classes(path, mine, particles, tomogram)
        picks = picks_from_arrays(position, classes, mine.score)
        warnings += [*mine.warnings, *said, *unlike]
        if len(picks) == 0:
            warnings.append(f"{path} has no picks of {tomogram}")
        parts.append(picks)
    if strangers and len(strangers) == len(paths):
        raise ValueError(
            f"no picks of tomogram {called or tomogram}: {'; '.join(strangers)}; names"
            " must be the same, letter for letter, or the table's column called says"
            " the file's"
        )
    picks, num_twice = _without_duplicates(concatenate(parts))
    if num_twice:
        warnings.append(f"{tomogram} has {num_twice} picks twice; kept once")
    return picks, warnings


def _classes(
    path: Path, found: Coordinates, particles: Sequence[Particle], tomogram: str
) -> tuple[list[str], list[str]]:
    """Return each row's class, from the row or from the file's name, and warnings.

    Raises
    ------
    ValueError
        If it is none of those that may occur.
    """
    names = [particle.name for particle in particles]
    if found.particle is None:
        try:
            return _class_of(path, names, len(found.value_zyx), tomogram), []
        except ValueError as error:
            # Such as that a column of classes was not understood.
            raise ValueError("; ".join([str(error), *found.warnings])) from None
    # Copick has no underscores: a-b there may be our a_b.
    ours = {object_name(name): name for name in names} | {name: name for name in names}
    for particle in particles:
        called = (object_name(particle.own_name), particle.own_name)
        ours |= dict.fromkeys(called, particle.name)
    if num_nameless := found.particle.count(""):
        ours[""] = _class_of(path, names, num_nameless, tomogram)[0]
    warnings, unknown = [], []
    for other in sorted(set(found.particle) - set(ours)):
        try:
            name = ours[safe_name(other)]
        except (ValueError, KeyError):
            unknown.append(other)
            continue
        ours[other] = name
        warnings.append(f"{path}: picks of {other!r} are taken as those of {name}")
    if unknown:
        raise ValueError(
            f"{path} has picks of {listed(map(repr, unknown))}; expected"
            f" {', '.join(names)}, add the particle to config.yaml or fix the file"
        )
    return [ours[name] for name in found.particle], warnings


def _class_of(path: Path, names: list[str], num: int, tomogram: str) -> list[str]:
    """Return the one class of a file whose rows do not say it, once for each row.

    The file's name says it, whole or between signs and blanks, or the folder's name.
    The tomogram's own name before it says nothing.

    Raises
    ------
    ValueError
        If no class or more than one is named.
    """
    if len(names) == 1 or num == 0:
        return names[:1] * num
    padded, own = _padded(path.stem), _padded(tomogram)
    within = _named_in(padded, names)
    if padded.startswith(own):
        within = _named_in(padded[len(own) - 1 :], names) or within
    within = within or [name for name in names if name == path.parent.name]
    if not within:
        raise ValueError(
            f"{path} does not say which particle its picks are; name the file after one"
            f" of {', '.join(names)}"
        )
    if len(within) > 1:
        raise ValueError(
            f"{path} names several particles, {' and '.join(within)}, and its rows"
            " none; expected one, rename the file (or a link to it), or convert it:"
            f" picker convert {path.name} --particle NAME --to picker ..."
        )
    return within * num


def _named_in(padded: str, names: list[str]) -> list[str]:
    """Return the names that a padded text has, each where it is no part of a longer."""
    found = [
        (place.start(), place.start() + len(_padded(name)), name)
        for name in names
        # Neighbours share their '_', which a plain search would use up.
        for place in re.finditer(f"(?={_padded(name)})", padded)
    ]
    within = [
        name
        for start, end, name in found
        if not any(a <= start and end <= b and b - a > end - start for a, b, _ in found)
    ]
    return list(dict.fromkeys(within))


def _padded(name: str) -> str:
    """Return a text of letters and digits, with '_' for all between and around."""
    return re.sub(r"[^A-Za-z0-9]", "_", f"_{name}_")


def _without_duplicates(picks: Picks) -> tuple[Picks, int]:
    """Return the picks, each place and class once, and how many were left out."""
    seen = dict[tuple[str, bytes], int]()
    for i, (name, place) in enumerate(
        zip(picks.particle, picks.position_zyx, strict=True)
    ):
        seen.setdefault((str(name), place.tobytes()), i)
    first = np.fromiter(seen.values(), np.intp, len(seen))
    return picks.select(first), len(picks) - len(first)
