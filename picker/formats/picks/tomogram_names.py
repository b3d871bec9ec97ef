"""Whose picks are in several files: the tomogram of each row, by all that is known."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from picker.config import known_as, safe_name, tomogram_name, tomogram_of_file
from picker.formats.picks.by_tomogram import each_tomogram, of_tomogram
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from picker.formats.picks.records import Coordinates

logger = logging.getLogger(__name__)


def owned_by(
    path: Path, found: Coordinates, tomogram: str, called: str | None = None
) -> tuple[Coordinates, tuple[str, ...]]:
    """Return what belongs to the tomogram; if nothing does, whom the rows belong to.

    Rows without a tomogram's name are anybody's. Others have it letter for letter, or
    with the endings and the voxel size that programs put behind it, or in signs that
    names of files here cannot have; the last two with a warning.

    Raises
    ------
    ValueError
        If several names in the file may be the tomogram's.
    """
    if not found.tomogram:
        return found, ()
    names = [called, tomogram] if called else [tomogram]
    own = known_as(names, found.tomogram, path) or tomogram
    if own not in names:
        text = f"{path}: rows of {own!r} are taken as those of tomogram {names[0]!r}"
        found = replace(found, warnings=(*found.warnings, text))
    return of_tomogram(found, own)


def by_tomogram(
    inputs: Sequence[tuple[Path, Coordinates]], name: str | None, volume: Path | None
) -> Iterator[tuple[Path, str, Coordinates]]:
    """Yield file, tomogram and its rows for each tomogram that is wanted of each file.

    Parameters
    ----------
    inputs
        Files and what they say.
    name
        The one tomogram that is wanted, or what the files' only tomogram shall be
        called; None: all, as rows or files are called.
    volume
        The tomogram's volume, after which a file without tomograms is called.

    Raises
    ------
    ValueError
        If a file does not have that tomogram, its names cannot be told apart, or it is
        not clear whether files without names are one tomogram's.
    """
    known = dict.fromkeys(own for _, found in inputs for own in found.tomogram or ())
    if name is None:
        _check_nameless([path for path, found in inputs if not found.tomogram], volume)
    for path, found in inputs:
        if name is None and found.tomogram:
            _check_bare_names(path, found.tomogram)
            for raw, mine in each_tomogram(found):
                yield path, tomogram_name(raw), mine
            continue
        wanted = name or tomogram_of_file((volume or path).name)
        mine, others = owned_by(path, found, wanted)
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
            mine, _ = of_tomogram(found, others[0])
        yield path, wanted, mine


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
    own = dict.fromkeys(tomogram_of_file(path.name) for path in paths)
    if len(paths) < 2:
        return
    if volume is None:
        if len(own) > 1:
            logger.warning(
                "warning: %s do not say their tomogram; taken as tomograms %s, after"
                " their names; if they are one tomogram's, give --name",
                *(listed(path.name for path in paths), listed(own)),
            )
        return
    its = tomogram_of_file(volume.name)
    if all(
        one == its or one.startswith((f"{its}_", f"{its}-", f"{its}.")) for one in own
    ):
        return
    raise ValueError(
        f"{listed(path.name for path in paths)} do not say their tomogram: either all"
        f" are picks of {its}, or they are of tomograms {listed(own)}, of the same"
        f" size; give --name {its} for the first, --voxel-size and --shape in place of"
        " --tomogram for the second"
    )


def safe_names(names: dict[str, str], own: str, what: str) -> str:
    """Return a name for files, and note which name it stands for in `names`.

    Raises
    ------
    ValueError
        If there is none, or another name has it.
    """
    safe = safe_name(own)
    if safe not in names and safe != own:
        logger.warning(
            "warning: %s %r is called %s in the names of files", what, own, safe
        )
    other = names.setdefault(safe, own)
    if other != own:
        raise ValueError(
            f"{what}s {other!r} and {own!r} would both be called {safe} in the names of"
            " files; rename one, or convert them apart"
        )
    return safe
