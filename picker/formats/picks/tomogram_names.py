"""Which tomogram the picks in a file belong to, by the names that are known for it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from picker.config import known_as, tomogram_name, tomogram_of_file
from picker.formats.picks.tomogram_rows import each_tomogram, of_tomogram
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from picker.formats.picks.records import Coordinates

logger = logging.getLogger(__name__)


def match_tomogram(
    path: Path, found: Coordinates, tomogram: str, called: str | None = None
) -> tuple[Coordinates, tuple[str, ...]]:
    """Return the rows of a tomogram; if there are none, the names that rows have.

    Rows without a tomogram's name belong to any tomogram. Others belong to this one if
    they have its name letter for letter; or, with a warning, with the endings and the
    voxel size that programs append, or in characters that names of files here cannot
    have.

    Parameters
    ----------
    path
        The file, for messages.
    found
        What it says.
    tomogram
        The tomogram's name.
    called
        What the user calls it, where that is another name.

    Raises
    ------
    ValueError
        If several names in the file may be the tomogram's.
    """
    if not found.tomogram:
        return found, ()
    names = [called, tomogram] if called else [tomogram]
    matching = known_as(names, found.tomogram, path) or tomogram
    if matching not in names:
        text = (
            f"{path}: rows of {matching!r} are taken as those of tomogram {names[0]!r}"
        )
        found = replace(found, warnings=(*found.warnings, text))
    return of_tomogram(found, matching)


def tomograms_of_files(
    inputs: Sequence[tuple[Path, Coordinates]], name: str | None, volume: Path | None
) -> Iterator[tuple[Path, str, Coordinates]]:
    """Yield file, tomogram and its rows for each tomogram that is wanted of each file.

    Parameters
    ----------
    inputs
        Files and what they say.
    name
        The one tomogram that is wanted, or a new name for the only tomogram of the
        files; None: all tomograms, named as the rows or the files name them.
    volume
        The tomogram's volume, which names the picks of a file without tomograms.

    Raises
    ------
    ValueError
        If a file does not have that tomogram, its names cannot be told apart, or files
        without names may belong to one tomogram or to several.
    """
    known = dict.fromkeys(row for _, found in inputs for row in found.tomogram or ())
    if name is None:
        _check_nameless([path for path, found in inputs if not found.tomogram], volume)
    for path, found in inputs:
        if name is None and found.tomogram:
            _check_bare_names(path, found.tomogram)
            for raw, part in each_tomogram(found):
                yield path, tomogram_name(raw), part
            continue
        wanted = name or tomogram_of_file((volume or path).name)
        part, others = match_tomogram(path, found, wanted)
        if others and len(known) > 1:
            raise ValueError(
                f"{path} has no picks of tomogram {wanted}, it knows {listed(others)};"
                " give --name letter for letter"
            )
        if others:
            logger.warning(
                "warning: %s: picks of tomogram %s are called %s, as --name says",
                *(path, others[0], wanted),
            )
            part, _ = of_tomogram(found, others[0])
        yield path, wanted, part


def _check_bare_names(path: Path, names: Sequence[str]) -> None:
    """Refuse a file that has a tomogram with several endings or voxel sizes."""
    bare: dict[str, str] = {}
    for raw in dict.fromkeys(names):
        other = bare.setdefault(tomogram_name(raw), raw)
        if other != raw:
            raise ValueError(
                f"{path} has picks of {other} and of {raw}, which are one tomogram's"
                f" names, {tomogram_name(raw)}; expected one, choose with --name"
            )


def _check_nameless(paths: Sequence[Path], volume: Path | None) -> None:
    """Refuse several files that may be one volume's picks or several tomograms'."""
    names = dict.fromkeys(tomogram_of_file(path.name) for path in paths)
    if len(paths) < 2:
        return
    if volume is None:
        if len(names) > 1:
            logger.warning(
                "warning: %s do not say their tomogram; taken as tomograms %s, after"
                " their names; if they belong to one tomogram, give --name",
                *(listed(path.name for path in paths), listed(names)),
            )
        return
    tomogram = tomogram_of_file(volume.name)
    starts = tuple(f"{tomogram}{sign}" for sign in "_-.")
    if all(name == tomogram or name.startswith(starts) for name in names):
        return
    raise ValueError(
        f"{listed(path.name for path in paths)} do not say their tomogram: either all"
        f" are picks of {tomogram}, or they are of tomograms {listed(names)}, of the"
        f" same size; give --name {tomogram} for the first, --voxel-size and --shape in"
        " place of --tomogram for the second"
    )
