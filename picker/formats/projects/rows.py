"""Rows of the tomograms that a project has, with what a file of splits says of some.

Loaded while the workflow is planned, so without NumPy.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from picker.config import TomogramRow, explained, known_as, tomogram_of_file
from picker.core.stamps import file_stamp
from picker.formats.tables.tsv import check_rows, read_tsv
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from picker.config import TomogramsSettings

logger = logging.getLogger(__name__)

COLUMNS = (
    *("picks", "expected", "voxel_size", "tilt_pixel_size", "mask"),
    *("membranes", "slab_z_low", "slab_z_high", "called"),
)
"""Columns that a file of splits may have besides tomogram and split."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A tomogram that a project has.

    Attributes
    ----------
    name
        As the project calls it.
    path
        Its volume.
    even, odd, mask, membranes
        Other volumes, None where there are none.
    voxel_size, tilt_pixel_size
        [Å]; None: as the volume says, unknown.
    waits
        Why it cannot be used yet; empty if it can.
    """

    name: str
    path: Path
    even: Path | None = None
    odd: Path | None = None
    mask: Path | None = None
    membranes: Path | None = None
    voxel_size: float | None = None
    tilt_pixel_size: float | None = None
    waits: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """The columns of its row that the project knows."""
        names = (
            *("path", "even", "odd", "mask", "membranes"),
            *("voxel_size", "tilt_pixel_size"),
        )
        return {"tomogram": self.name, **{name: getattr(self, name) for name in names}}


def rows_of(
    tomograms: Sequence[Found], settings: TomogramsSettings, source: str
) -> tuple[TomogramRow, ...]:
    """Return the rows of a project's tomograms, in its order.

    Those that cannot be used yet are left out, with a warning, unless the file of
    splits names them.

    Parameters
    ----------
    tomograms
        What the project has.
    settings
        Which of them are used for more than picking.
    source
        The project, for messages.

    Raises
    ------
    ValueError
        If the project has no tomogram that can be used or two of one name, the file of
        splits names one that it does not have, or a row has an error. The message has
        up to ten of them.
    """
    names = [one.name for one in tomograms]
    listing, problems = _listing(names, settings, source)
    labels = {split: _Labels(path, names) for split, path in settings.picks.items()}
    problems += [
        f"{labels[split].path} does not exist; check tomograms.picks.{split}"
        for split in labels
        if not labels[split].path.exists()
    ]
    rows: list[TomogramRow] = []
    owners: dict[str, Path] = {}
    waiting = []
    for one in tomograms:
        line, values = listing.get(one.name, (0, {"split": settings.others}))
        where = f"line {line}" if line else f"tomogram {one.name}"
        if values["split"] == "leave_out":
            continue
        if one.waits:
            if line:
                problems.append(f"{where}: tomogram {one.name} {one.waits}")
            waiting.append(f"{one.name} {one.waits}")
            continue
        if not values.get("picks") and values["split"] in labels:
            files = labels[values["split"]].of(one.name)
            values = {**values, "picks": files}
        try:
            row = TomogramRow.model_validate({**one.values, **values})
        except ValidationError as error:
            text = "; ".join(part.strip() for part in explained(error).splitlines())
            problems.append(f"{where}: {text}")
            continue
        other = owners.setdefault(row.tomogram, one.path)
        if other != one.path:
            problems.append(
                f"{other} and {one.path} are both of tomogram {row.tomogram}; expected"
                " one volume each, rename one, or make the pattern narrower"
            )
        problems += [
            f"{where}: {file} does not exist; fix its path"
            for file in row.files
            if not file.exists()
        ]
        rows.append(row)
    if waiting:
        logger.warning(
            "warning: %d tomograms of %s are left for a later run: %s",
            *(len(waiting), source, listed(waiting)),
        )
    if not rows and not problems:
        why = f" ({listed(waiting)})" if waiting else ""
        raise ValueError(
            f"{source} has no tomogram that can be used{why}; expected one at least,"
            " wait for it or check tomograms.others"
        )
    check_rows(settings.splits or Path(source), problems, 1)
    return tuple(rows)


def age_of(paths: Iterable[Path | None], settle: float) -> str:
    """Return why files cannot be used yet: one changed within `settle` seconds."""
    now = time.time()
    for path in filter(None, paths):
        try:
            age = now - file_stamp(path)[1] / 1e9
        except FileNotFoundError:
            # A folder inside a Zarr folder that is still written was renamed meanwhile.
            if not path.exists():
                continue
            age = 0.0
        # A file server's clock may be ahead.
        if abs(age) < settle:
            return (
                f"has {path}, written {max(age, 0):.0f} s ago, less than"
                f" tomograms.settle, {settle:g} s"
            )
    return ""


def _listing(
    names: Sequence[str], settings: TomogramsSettings, source: str
) -> tuple[dict[str, tuple[int, dict[str, Any]]], list[str]]:
    """Return line and cells of the tomograms that are listed, and problems."""
    listing: dict[str, tuple[int, dict[str, Any]]] = {}
    problems: list[str] = []
    path = settings.splits
    if path is None:
        return listing, problems
    known = dict.fromkeys(names)
    for line, cells in read_tsv(
        *(path, ("tomogram", "split"), COLUMNS, "tomograms.splits"),
        otherwise=", or for a method without labels tomograms.splits: null",
    ):
        own = cells.pop("tomogram")
        name = own if own in known else known_as([own], known, source)
        if name is None:
            problems.append(
                f"line {line}: {source} has no tomogram {own}, it has {listed(known)};"
                " fix the name, or take the line out"
            )
            continue
        if name in listing:
            problems.append(
                f"line {line}: tomogram {own} stands in line {listing[name][0]}"
                " already; expected each once, take one out"
            )
            continue
        values: dict[str, Any] = {key: text for key, text in cells.items() if text}
        if "picks" in values:
            files = (part.strip() for part in values["picks"].split(";"))
            values["picks"] = tuple(filter(None, files))
        # A row without a split is refused with the other mistakes in it.
        listing[name] = line, {"split": "", **values}
    return listing, problems


class _Labels:
    """The known picks of a split: one file of all its tomograms, or a folder."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path = path
        self._files = dict(_owned(path, names)) if path.is_dir() else None

    def of(self, name: str) -> tuple[Path, ...]:
        """Return the files of a tomogram."""
        if self._files is None:
            return (self.path,)
        return tuple(file for file, owner in self._files.items() if owner == name)


def _owned(folder: Path, names: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Yield the files of a folder that begin with a tomogram's name, and that name.

    The longest name counts: `TS_1_b_ribosome.star` is of TS_1_b, not of TS_1.
    """
    by_name = {tomogram_of_file(name): name for name in names}
    for file in sorted(folder.iterdir()):
        if file.name.startswith(".") or not file.is_file():
            continue
        stem = tomogram_of_file(file.name)
        ends = [i for i, sign in enumerate(stem) if sign in "_-. "]
        starts = (stem, *(stem[:end] for end in reversed(ends)))
        owner = next((by_name[start] for start in starts if start in by_name), None)
        if owner is not None:
            yield file, owner
