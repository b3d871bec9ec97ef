"""RELION 5's index for importing coordinates: which file has which tomogram's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from picker.formats.picks.by_tomogram import of_tomogram
from picker.formats.picks.records import Coordinates, Sizes, one_if_equal
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

FILE = "rlnTomoImportParticleFile"


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """Which files an index names.

    Attributes
    ----------
    path
        The index itself.
    tomogram, file
        Tomogram and file of each row.
    """

    path: Path
    tomogram: tuple[str, ...]
    file: tuple[str, ...]


def follow(
    index: Index, tomogram: str | None, read: Callable[[Path], Coordinates]
) -> Coordinates:
    """Return the coordinates of the files that an index of RELION 5 names.

    They lie beside it, or relative to the working directory. If the index knows the
    tomogram, that one's file alone is read, so that another's missing file does no
    harm.

    Parameters
    ----------
    index
        The index.
    tomogram
        Whose coordinates are wanted; None: all.
    read
        Reads one file; called once for each.

    Raises
    ------
    ValueError
        If a file does not exist, cannot be read, or the files are of several kinds.

    Source: RELION 5, src/jaz/tomography/apps/import_coordinates.cpp: STAR, or text
    with x, y, z, which whoever imports it may have multiplied.
    """
    files: dict[str, Coordinates] = {}
    parts = []
    for owner, name in zip(index.tomogram, index.file, strict=True):
        if tomogram in index.tomogram and owner != tomogram:
            continue
        if name not in files:
            files[name] = read(_named(index.path, name))
        parts.append((owner, _part(index.path, name, owner, files[name])))
    kinds = {part.kind for _, part in parts}
    relion = {"RELION 5 STAR", "RELION 3.1 STAR"}
    if len(kinds) > 1 or any(k.endswith("STAR") and k not in relion for k in kinds):
        raise ValueError(
            f"{index.path} names files of {listed(sorted(kinds))}; expected"
            " rlnCenteredCoordinateX/Y/ZAngst or rlnCoordinateX/Y/Z in all, or x, y, z"
            " as text in all"
        )
    if kinds and not kinds <= relion:
        joined = _joined(parts, files.values())
        text = (
            f"{index.path}: what it names is read as {joined.kind}, in {joined.unit};"
            " a factor of RELION's import is not applied"
        )
        return replace(joined, warnings=(*joined.warnings, text))
    # Without a name in each row RELION 4's pixels look like RELION 3.1's.
    is_four = kinds == {"RELION 3.1 STAR"}
    return replace(
        _joined(parts, files.values()),
        kind="RELION 4 STAR" if is_four else "RELION 5 STAR",
        unit="pixels of the tilt series" if is_four else "Å from the centre",
        pixel_size=None,
        doubtful_sizes={},
    )


def _named(path: Path, name: str) -> Path:
    """Return a file that an index names."""
    try:
        file = next((f for f in (path.parent / name, Path(name)) if f.is_file()), None)
    except OSError:  # a name longer than any file's
        file = None
    if file is None:
        raise ValueError(f"{path} names {name[:200]}, which does not exist; fix it")
    return file


def _part(index: Path, name: str, owner: str, found: Coordinates) -> Coordinates:
    """Return what a file has of a tomogram.

    If all its rows have another name, the index is believed: names of files differ.
    """
    own = set(found.tomogram or ())
    if owner not in own and len(own) > 1:
        raise ValueError(
            f"{index} names {name} for tomogram {owner}, but it holds"
            f" {listed(sorted(own))}; expected rows of that tomogram, fix the index or"
            " the file"
        )
    return of_tomogram(found, owner)[0] if owner in own else found


def _joined(
    parts: Sequence[tuple[str, Coordinates]], files: Iterable[Coordinates]
) -> Coordinates:
    """Return all parts' rows together."""
    found = [part for _, part in parts]
    kinds = {part.kind for part in found}
    shifts = [
        np.zeros((len(part.score), 3)) if part.shift_zyx is None else part.shift_zyx
        for part in found
    ]
    has_shifts = any(part.shift_zyx is not None for part in found)
    particle = None
    if found and all(part.particle is not None for part in found):
        particle = [name for part in found for name in part.particle or ()]
    return Coordinates(
        kind=next(iter(kinds), "RELION 5 STAR"),
        unit=found[0].unit if found else "Å from the centre",
        value_zyx=np.concatenate([np.empty((0, 3)), *(p.value_zyx for p in found)]),
        score=np.concatenate([np.empty(0, np.float32), *(p.score for p in found)]),
        tomogram=[name for name, part in parts for _ in range(len(part.score))],
        particle=particle,
        tilt_pixel_size=_of_all_rows(found, [p.tilt_pixel_size for p in found]),
        pixel_size=_of_all_rows(found, [p.pixel_size for p in found]),
        shift_zyx=np.concatenate(shifts) if has_shifts else None,
        warnings=tuple(text for one in files for text in one.warnings),
    )


def _of_all_rows(
    parts: Sequence[Coordinates], sizes: Sequence[Sizes | None]
) -> Sizes | None:
    """Return sizes [Å] of all parts' rows together, None if one does not say it."""
    each: list[float] = []
    for part, size in zip(parts, sizes, strict=True):
        if size is None:
            return None
        each += size if isinstance(size, tuple) else [size] * len(part.score)
    return one_if_equal(each)
