"""Picks that a user knows already, from files of any kind, checked with the volume."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import numpy as np

from picker.config import safe_name
from picker.core.picks import Picks, concatenate, picks_from_arrays
from picker.formats.picks.copick_layout import object_name
from picker.formats.picks.interpret import Interpretation, interpret
from picker.formats.picks.read import read_coordinates
from picker.formats.picks.tomogram_names import match_tomogram
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import Contours, Outside, Particle
    from picker.formats.picks.records import Coordinates

logger = logging.getLogger(__name__)


def read_known_picks(
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
        Files of any kind that `text.READABLE` names, recognised by content. A file may
        hold several tomograms: the rows of this one are taken (`match_tomogram`). Where
        a file does not say the class, its name or its folder's does.
    tomogram
        The tomogram's name.
    particles
        The classes that may occur.
    voxel_size, shape_zyx
        Of the tomogram, [Å] and voxels.
    tilt_pixel_size
        Pixel size of the tilt series [Å] for RELION 4 and 5; None: as the file says.
    outside
        Which picks outside of the volume are dropped.
    contours
        What is a pick in contours of several points; None: unknown, and an error.
    called
        The tomogram's name in the files, where that is another.

    Raises
    ------
    ValueError
        If a file cannot be read, names another class, a row is not finite, picks lie
        outside of the volume, or no file has this tomogram.
    """
    interpretation = Interpretation(
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
        rows, others = match_tomogram(path, found, tomogram, called)
        logger.info("%s: %d picks, read as %s", path, len(rows.value_zyx), found.kind)
        if others:
            strangers.append(f"{path} knows {listed(others)}")
        rows, position, doubts = interpret(path, rows, interpretation)
        classes, renamed = _classes(path, rows, particles, tomogram)
        picks = picks_from_arrays(position, classes, rows.score, rows.rotation)
        warnings += [*rows.warnings, *doubts, *renamed]
        if len(picks) == 0:
            warnings.append(f"{path} has no picks of {tomogram}")
        parts.append(picks)
    if strangers and len(strangers) == len(paths):
        raise ValueError(
            f"no picks of tomogram {called or tomogram}: {'; '.join(strangers)}; names"
            " must be the same, letter for letter; or put the file's name into the"
            " table's column called"
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
            # A warning may say why, such as a column of classes that is not read.
            raise ValueError("; ".join([str(error), *found.warnings])) from None
    # Copick has no underscores: a-b there may be our a_b.
    classes = {object_name(name): name for name in names}
    classes |= {name: name for name in names}
    for particle in particles:
        called = (object_name(particle.own_name), particle.own_name)
        classes |= dict.fromkeys(called, particle.name)
    if num_nameless := found.particle.count(""):
        classes[""] = _class_of(path, names, num_nameless, tomogram)[0]
    warnings, unknown = [], []
    for other in sorted(set(found.particle) - set(classes)):
        try:
            name = classes[safe_name(other)]
        except (ValueError, KeyError):
            unknown.append(other)
            continue
        classes[other] = name
        warnings.append(f"{path}: picks of {other!r} are taken as those of {name}")
    if unknown:
        raise ValueError(
            f"{path} has picks of {listed(map(repr, unknown))}; expected"
            f" {', '.join(names)}, add the particle to config.yaml or fix the file"
        )
    return [classes[name] for name in found.particle], warnings


def _class_of(path: Path, names: list[str], num: int, tomogram: str) -> list[str]:
    """Return the one class of a file whose rows do not say it, once for each row.

    The file's name says it, whole or between other characters than letters and digits,
    or else the folder's name. A tomogram's name at the beginning is skipped: it may
    hold a class's name by chance.

    Raises
    ------
    ValueError
        If no class or more than one is named.
    """
    if len(names) == 1 or num == 0:
        return names[:1] * num
    padded, start = _padded(path.stem), _padded(tomogram)
    classes = _named_in(padded, names)
    if padded.startswith(start):
        classes = _named_in(padded[len(start) - 1 :], names) or classes
    classes = classes or [name for name in names if name == path.parent.name]
    if not classes:
        raise ValueError(
            f"{path} does not say which particle its picks are; name the file after one"
            f" of {', '.join(names)}"
        )
    if len(classes) > 1:
        raise ValueError(
            f"{path} names several particles, {' and '.join(classes)}, and its rows"
            " none; expected one, rename the file (or a link to it), or convert it:"
            f" picker convert {path.name} --particle NAME --to picker ..."
        )
    return classes * num


def _named_in(padded: str, names: list[str]) -> list[str]:
    """Return the names in a padded text, but none that is there within a longer one."""
    found = [
        (place.start(), place.start() + len(_padded(name)), name)
        for name in names
        # Neighbours share a '_', which a search without lookahead would use up.
        for place in re.finditer(f"(?={_padded(name)})", padded)
    ]
    within = [
        name
        for start, end, name in found
        if not any(a <= start and end <= b and b - a > end - start for a, b, _ in found)
    ]
    return list(dict.fromkeys(within))


def _padded(name: str) -> str:
    """Return a name's letters and digits, with '_' for all others and around them."""
    return re.sub(r"[^A-Za-z0-9]", "_", f"_{name}_")


def _without_duplicates(picks: Picks) -> tuple[Picks, int]:
    """Return the picks, each position and class once, and how many were left out."""
    seen = dict[tuple[str, bytes], int]()
    for row, (name, position) in enumerate(
        zip(picks.particle, picks.position_zyx, strict=True)
    ):
        seen.setdefault((str(name), position.tobytes()), row)
    first = np.fromiter(seen.values(), np.intp, len(seen))
    return picks.select(first), len(picks) - len(first)
