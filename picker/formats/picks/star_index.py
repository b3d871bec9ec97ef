"""Indices: which file has which tomogram's coordinates, or which micrograph's.

RELION 5 imports coordinates of tomograms by one, and RELION 4 and 5 have one of every
picking of micrographs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from picker.core.picks import joined_context
from picker.core.rotations import joined
from picker.formats.picks.records import Coordinates, Sizes, one_if_equal
from picker.formats.picks.tomogram_rows import of_tomogram
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

FILE = "rlnTomoImportParticleFile"
COORDINATE_FILE = "rlnMicrographCoordinates"


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """Which files an index names.

    Attributes
    ----------
    path
        The index itself.
    tomogram, file
        Tomogram and file of each row.
    of_micrographs
        Whether it names micrographs in place of tomograms.
    """

    path: Path
    tomogram: tuple[str, ...]
    file: tuple[str, ...]
    of_micrographs: bool = False


def follow(
    index: Index, tomogram: str | None, read: Callable[[Path], Coordinates]
) -> Coordinates:
    """Return the coordinates of the files that an index of RELION names.

    Paths count from the index's folder, one above it, as that of RELION's project is,
    or from the working directory. If the index
    names the tomogram, its file alone is read, so that another tomogram's missing file
    does no harm.

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
    with x, y, z, which its import can multiply by a factor.
    """
    files: dict[str, Coordinates] = {}
    parts = []
    for owner, file in zip(index.tomogram, index.file, strict=True):
        if tomogram in index.tomogram and owner != tomogram:
            continue
        if file not in files:
            files[file] = read(_path(index.path, file))
        parts.append((owner, _part(index.path, file, owner, files[file])))
    kinds = {part.kind for _, part in parts}
    if index.of_micrographs:
        if any(part.has_z for _, part in parts):
            raise ValueError(
                f"{index.path} names files of {listed(sorted(kinds))}; expected x and y"
                " of particles in micrographs, as STAR or EMAN boxes"
            )
        return replace(_joined(parts, files.values()), has_z=False)
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
            f"{index.path}: the files it names are read as {joined.kind}, in"
            f" {joined.unit}; a factor of RELION's import is not applied"
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


def _path(index: Path, file: str) -> Path:
    """Return where a file lies that an index names."""
    places = (*(folder / file for folder in index.absolute().parents), Path(file))
    try:
        path = next((place for place in places if place.is_file()), None)
    except OSError:  # a name longer than any file's
        path = None
    if path is None:
        raise ValueError(f"{index} names {file[:200]}, which does not exist; fix it")
    return path


def _part(index: Path, file: str, owner: str, found: Coordinates) -> Coordinates:
    """Return what a file has of a tomogram.

    If all its rows have one other name, the index is believed: a tomogram's name in a
    file may differ.
    """
    names = set(found.tomogram or ())
    if owner not in names and len(names) > 1:
        raise ValueError(
            f"{index} names {file} for tomogram {owner}, but it holds"
            f" {listed(sorted(names))}; expected rows of that tomogram, fix the index"
            " or the file"
        )
    return of_tomogram(found, owner)[0] if owner in names else found


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
        tilt_pixel_size=_joined_sizes(found, [p.tilt_pixel_size for p in found]),
        pixel_size=_joined_sizes(found, [p.pixel_size for p in found]),
        shift_zyx=np.concatenate(shifts) if has_shifts else None,
        rotation=joined((part.rotation, len(part.score)) for part in found),
        context=joined_context((part.context, len(part.score)) for part in found),
        warnings=tuple(text for file in files for text in file.warnings),
    )


def _joined_sizes(
    parts: Sequence[Coordinates], sizes: Sequence[Sizes | None]
) -> Sizes | None:
    """Return the sizes [Å] of all parts' rows, None if one part does not say its."""
    each: list[float] = []
    for part, size in zip(parts, sizes, strict=True):
        if size is None:
            return None
        each += size if isinstance(size, tuple) else [size] * len(part.score)
    return one_if_equal(each)
