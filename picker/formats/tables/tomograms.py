"""The tomograms of a project; read while the workflow is planned, so nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from picker.config import Config, TomogramRow, explained
from picker.formats.picks.copick_layout import find_tomograms
from picker.formats.tables.tsv import read_tsv, refuse, told_twice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REQUIRED = ("tomogram", "path", "split")
OPTIONAL = (
    "picks",
    "voxel_size",
    "tilt_pixel_size",
    "mask",
    "slab_z_low",
    "slab_z_high",
    "called",
)


def tomogram_rows(
    config: Config, *, check_files: bool = True
) -> tuple[TomogramRow, ...]:
    """Return all tomograms of a project that has some, in a table or a copick folder.

    Raises
    ------
    ValueError
        If the table or folder has errors; up to ten are told at once.
    """
    settings = config.tomograms
    assert settings.source != "simulate", "those are still to be made"
    if settings.source == "table":
        rows = read_table(settings.table, check_files=check_files)
    else:
        names = [name for p in config.particles for name in (p.name, p.own_name)]
        rows = find_tomograms(settings.copick, names)
    update = settings.model_dump(
        include={"outside", "contours", "missing_chunks", "stacks_are_volumes"}
    )
    return tuple(
        row.model_copy(
            update={**update, "voxel_size": row.voxel_size or settings.voxel_size}
        )
        for row in rows
    )


def read_table(path: Path, *, check_files: bool = True) -> tuple[TomogramRow, ...]:
    """Return the rows of a TSV table; relative paths count from the working folder.

    Columns: tomogram, path, split; optional picks (several apart by ';'),
    voxel_size [Å], tilt_pixel_size [Å], mask, slab_z_low [Å], slab_z_high [Å], called.

    Raises
    ------
    ValueError
        If columns are missing or unknown, the table is empty, or rows have errors: a
        name that stands twice, a bad split, a file that does not exist. Up to ten are
        told at once, with their lines.
    """
    rows: list[TomogramRow] = []
    problems = []
    lines: dict[str, tuple[int, str]] = {}
    for line, values in read_tsv(path, REQUIRED, OPTIONAL, "tomograms.table"):
        try:
            row = _row(values)
        except ValidationError as error:
            text = "; ".join(part.strip() for part in explained(error).splitlines())
            problems.append(f"line {line}: {text}")
            continue
        problems += told_twice(lines, line, values["tomogram"], row.tomogram)
        problems += [
            f"line {line}: {what} {file} does not exist; fix the path"
            for what, file in _files(row)
            if check_files and not file.exists()
        ]
        rows.append(row)
    refuse(path, problems, len(rows))
    return tuple(rows)


def _row(values: dict[str, str]) -> TomogramRow:
    picks = [part.strip() for part in values.get("picks", "").split(";")]
    return TomogramRow.model_validate(
        {
            # Path("") would be the working folder; empty text is refused below.
            **{key: value for key, value in values.items() if value},
            "picks": tuple(part for part in picks if part),
        }
    )


def _files(row: TomogramRow) -> Iterator[tuple[str, Path]]:
    """Yield what a row names: the volume, its picks and its mask."""
    yield "path", row.path
    for file in row.picks:
        yield "picks", file
    if row.mask:
        yield "mask", row.mask
