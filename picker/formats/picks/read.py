"""Files of picks of every kind, which is recognised by the content."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from picker.config import known_as
from picker.core.files import checked_file
from picker.formats.picks import (
    box,
    cbox,
    copick,
    dynamo,
    eman2,
    imod,
    imod_layout,
    motive_lists,
    napari,
    peet,
    portal,
    tomotwin,
)
from picker.formats.picks.records import Coordinates, coordinates_from_xyz
from picker.formats.picks.star_coordinates import read_star
from picker.formats.picks.star_index import Index, follow
from picker.formats.picks.tomogram_numbers import maps
from picker.formats.picks.tomogram_rows import rows_by_tomogram, select_rows
from picker.formats.picks.xyz_table import read_xyz_table
from picker.formats.text import READABLE, read_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Parsed = tuple[Coordinates | Index, dict[str, NDArray[np.intp]]]

KEPT = 8
"""Files that are remembered: one of many tomograms is read again for each of them."""
SETTLED_NS = 2_000_000_000
"""Age from which a file's stamp is trusted: some disks count in whole seconds."""
LARGEST = 1e9
"""No coordinate [Å or voxels] is larger; damaged bytes often are."""
LINE = re.compile(r"[^\r\n]+")
EMPTY = {
    ".ndjson": "CryoET portal ndjson",
    ".coords": "TomoTwin coords",
    ".tbl": "Dynamo table",
    ".box": "EMAN box",
}
"""Kinds without a header: in a file without picks the name alone shows the kind."""


def _has_block(name: str) -> Callable[[str], bool]:
    """Return a test of whether a line is `data_` and a name, and nothing else.

    A row of a table may begin like that: tomograms are called `data_01`.
    """
    line = re.compile(rf"^[ \t]*data_{name}[ \t]*(#.*)?$", re.MULTILINE)
    # Most large files have no such word, and looking for it is quicker.
    return lambda text: "data_" in text and line.search(text) is not None


def _is_json_with(key: str) -> Callable[[str], bool]:
    return lambda text: text.startswith("{") and f'"{key}"' in text


def _is_json(text: str) -> bool:
    return text.startswith("{")


def _has_json_lines(text: str) -> bool:
    first = text.partition("\n")[0].rstrip()
    return _is_json_with("location")(first) and first.endswith("}")


def _has_number_columns(fewest: int, most: float) -> Callable[[str], bool]:
    """Return a test of whether the first row has so many numbers, apart by blanks."""

    def looks_so(text: str) -> bool:
        lines = (line.group().split() for line in LINE.finditer(text))
        first = next((w for w in lines if w and not w[0].startswith("#")), [])
        return fewest <= len(first) <= most and _are_numbers(first[:3])

    return looks_so


def _are_numbers(words: list[str]) -> bool:
    try:
        return bool([float(word) for word in words])
    except ValueError:
        return False


def _read_star(path: Path) -> Coordinates | Index:
    found = read_star(path)
    if isinstance(found, Index):
        return found
    return replace(found, kind=f"{found.kind} STAR")


# The first test that fits is taken, so a narrower kind stands before a wider one. Tests
# see the text without leading blanks. A table that fits nothing else is CSV.
TEXTS: tuple[
    tuple[Callable[[str], bool], Callable[[Path], Coordinates | Index]], ...
] = (
    (_is_json_with("boxes_3d"), eman2.read_info),
    (_is_json_with("pickable_object_name"), copick.read_points),
    (_has_json_lines, portal.read_points),
    (_is_json, copick.read_points),
    (_has_block(cbox.BLOCK), cbox.read_boxes),
    (_has_block(motive_lists.BLOCK), motive_lists.read_stopgap),
    (_has_block(r"[^\s,]*"), _read_star),
    (_has_number_columns(dynamo.FEWEST_COLUMNS, np.inf), dynamo.read_table),
    (_has_number_columns(4, 5), box.read_boxes),
    (_has_number_columns(3, 3), tomotwin.read_coords),
    (napari.has_axes, napari.read_points),
    (lambda _: True, read_xyz_table),
)


def read_coordinates(
    path: Path, tomogram: str | None = None, called: str | None = None
) -> Coordinates:
    """Return what a file of picks says, of whatever kind it is.

    Parameters
    ----------
    path
        The file.
    tomogram
        Whose picks are wanted; all rows are returned if the file does not name it.
    called
        What the user calls that tomogram, where that is another name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is a folder, of no known kind or damaged, a number is larger than any
        tomogram, or several of its tomograms may be the one that is wanted.
    """
    found, rows = _read(path)
    names = [name for name in (called, tomogram) if name]
    if isinstance(found, Index):
        # `read_file` refuses an index among the named files: it could name itself.
        found = follow(found, called or tomogram, read_file)
    elif names and (name := known_as(names, rows, path)):
        found = select_rows(found, rows[name])
    return found


def read_file(path: Path) -> Coordinates:
    """Return what one file of picks says itself, not through other files.

    Raises
    ------
    FileNotFoundError, ValueError
        As `read_coordinates`; and if the file is an index.
    """
    found, _ = _read(path)
    if isinstance(found, Index):
        raise ValueError(f"{path} is an index and has no coordinates; fix its path")
    return found


def beside(path: Path) -> tuple[Path, ...]:
    """Return the files beside one that are read with it if they exist."""
    return (*maps(path), *peet.lists(path))


def _read(path: Path) -> Parsed:
    """Return what a file says, and tomogram: its rows; parsed again if it changed."""
    if path.is_dir():
        raise ValueError(
            f"{path} is a folder; expected a file of picks, name the files in it"
        )
    if not checked_file(path, "of picks").is_file():
        raise FileNotFoundError(f"file of picks {path} does not exist; fix its path")
    stamps = [_stamp(file) for file in (path, *beside(path)) if file.is_file()]
    # What changed just now may change again within one tick of the disk's clock.
    if any(abs(time.time_ns() - changed) < SETTLED_NS for _, changed, _ in stamps):
        return _parsed.__wrapped__(path, ())
    return _parsed(path, tuple(stamps))


def _stamp(path: Path) -> tuple[int, int, int]:
    """Return what changes when a file does: size, time [ns] and inode."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


@lru_cache(maxsize=KEPT)
def _parsed(path: Path, stamps: tuple[tuple[int, int, int], ...]) -> Parsed:
    """Return what a file says, and tomogram: its rows, as long as its stamps hold."""
    with path.open("rb") as file:
        start = file.read(motive_lists.START_BYTES)
    found: Coordinates | Index
    if start.startswith(imod_layout.MAGIC[:4]):
        found = peet.with_list(path, imod.read_model(path))
    elif motive_lists.is_av3(start):
        found = motive_lists.read_av3(path)
    else:
        text = read_text(path, READABLE).lstrip()
        if not text and path.suffix in EMPTY:
            found = _no_picks(path)
        else:
            read = next(read for fits, read in TEXTS if fits(text))
            del text
            found = read(path)
    if isinstance(found, Index):
        return found, {}
    found = _with_scores(path, found)
    _check_bounds(path, found)
    return found, rows_by_tomogram(found.tomogram or ())


def _with_scores(path: Path, found: Coordinates) -> Coordinates:
    """Return coordinates with score 1 where the file has none, and a warning of it."""
    lacking = np.isnan(found.score)
    if not lacking.any():
        return found
    text = (
        f"{path}: {lacking.sum()} of {len(lacking)} picks have no score (nan or"
        " nothing); taken as 1, as in files without scores"
    )
    return replace(
        found,
        score=np.where(lacking, np.float32(1), found.score),
        warnings=(*found.warnings, text),
    )


def _no_picks(path: Path) -> Coordinates:
    """Return no picks, of the kind that an empty file's name shows."""
    kind = EMPTY[path.suffix]
    warning = f"{path} is empty; taken as a {kind} of no picks"
    return coordinates_from_xyz(kind, "voxels", [], warnings=(warning,))


def _check_bounds(path: Path, found: Coordinates) -> None:
    """Refuse numbers that are not finite or that no tomogram is large enough for."""
    numbers = np.column_stack([found.value_zyx, found.score])
    bad = ~(np.abs(numbers) <= LARGEST).all(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        z, y, x, score = numbers[row]
        raise ValueError(
            f"{path} ({found.kind}): pick {row + 1} has x, y, z, score {x:g}, {y:g},"
            f" {z:g}, {score:g}; expected numbers up to {LARGEST:g}, fix or copy it"
        )
