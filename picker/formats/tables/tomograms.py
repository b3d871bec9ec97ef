"""The table of a project's tomograms, read while the workflow is planned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from picker.config import Config, Particle, TomogramRow, explained
from picker.config.micrographs import refuse_columns_of_tomograms
from picker.formats.picks.copick_layout import find_tomograms
from picker.formats.projects.folder import folder_tomograms
from picker.formats.projects.rows import rows_of
from picker.formats.projects.warp import warp_tomograms
from picker.formats.tables.tsv import (
    check_rows,
    read_tsv,
    repeated_name,
    text_of_rows,
)
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from picker.config import TomogramsSettings
    from picker.formats.projects.rows import Found

REQUIRED = ("tomogram", "path", "split")
OPTIONAL = (
    "picks",
    "expected",
    "voxel_size",
    "tilt_pixel_size",
    "mask",
    "membranes",
    "even",
    "odd",
    "slab_z_low",
    "slab_z_high",
    "called",
)


def project_rows(config: Config, *, check_files: bool = True) -> list[TomogramRow]:
    """Return a project's tomograms as its table has them, or another program's project.

    Errors as `tomogram_rows`.
    """
    settings = config.tomograms
    assert settings.source != "simulate", "phantoms do not exist yet"
    if settings.source == "table":
        return list(read_table(settings.table, check_files=check_files))
    if settings.source == "copick":
        names = [name for p in config.particles for name in (p.name, p.own_name)]
        return list(find_tomograms(settings.copick, names))
    found, source = _found(settings)
    return list(rows_of(found, settings, source))


def _found(settings: TomogramsSettings) -> tuple[list[Found], str]:
    """Return what another program has made so far, and what says so."""
    if settings.source == "warp":
        found = warp_tomograms(settings.warp, settings.settle)
        return found, str(settings.warp.settings)
    if settings.source == "folder":
        found = folder_tomograms(settings.folder, settings.settle)
        return found, settings.folder.files
    # Only this source needs NumPy while the workflow is planned.
    from picker.formats.projects.relion import relion_tomograms

    return relion_tomograms(settings.relion), str(settings.relion.tomograms_star)


def tomogram_rows(
    config: Config, *, check_files: bool = True
) -> tuple[TomogramRow, ...]:
    """Return all tomograms of a project, from its table or another program's project.

    Raises
    ------
    ValueError
        If the table or project has errors; the message names up to ten.
    """
    return completed_rows(project_rows(config, check_files=check_files), config)


def completed_rows(
    rows: Iterable[TomogramRow], config: Config
) -> tuple[TomogramRow, ...]:
    """Return rows with what the settings say of all of them.

    Raises
    ------
    ValueError
        If an expected number is of no particle, or a micrograph has what only tomograms
        have.
    """
    common = config.tomograms.model_dump(
        include={
            *("outside", "contours", "missing_chunks", "stacks_are_volumes"),
            "dimensions",
        }
    )
    return tuple(_completed(row, common, config) for row in rows)


def _completed(
    row: TomogramRow, common: Mapping[str, Any], config: Config
) -> TomogramRow:
    """Return a row with what the settings say of all of them."""
    if common["dimensions"] == 2:
        refuse_columns_of_tomograms(row)
    values = {
        **common,
        "voxel_size": row.voxel_size or config.tomograms.voxel_size,
        "expected": _by_particle(row, config.particles),
    }
    changed = {key: new for key, new in values.items() if getattr(row, key) != new}
    # A copy of each of 50,000 rows takes half a second.
    return row.model_copy(update=changed) if changed else row


def _by_particle(row: TomogramRow, particles: tuple[Particle, ...]) -> dict[str, int]:
    """Return a row's expected numbers by our names of the particles.

    Raises
    ------
    ValueError
        If one of them is of no particle.
    """
    if not row.expected:  # as of most rows
        return {}
    ours = {name: p.name for p in particles for name in (p.name, p.own_name)}
    if unknown := [name for name in row.expected if name not in ours]:
        raise ValueError(
            f"tomogram {row.tomogram} has an expected number of {listed(unknown)};"
            f" expected some of the particles {listed(p.name for p in particles)}, fix"
            " its column expected"
        )
    return {ours[name]: number for name, number in row.expected.items()}


def read_table(path: Path, *, check_files: bool = True) -> tuple[TomogramRow, ...]:
    """Return the rows of a TSV table; relative paths start at the working folder.

    Columns: tomogram, path, split; optional picks (several separated by ';'),
    expected (particle:number), voxel_size [Å], tilt_pixel_size [Å], mask,
    membranes, even, odd, slab_z_low [Å], slab_z_high [Å], called.

    Raises
    ------
    ValueError
        If columns are missing or unknown, the table is empty, or rows have errors: a
        name that appears twice, a bad split, a file that does not exist. The message
        names up to ten, with their lines.
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
        problems += repeated_name(lines, line, values["tomogram"], row.tomogram)
        problems += [
            f"line {line}: {what} {file} does not exist; fix the path"
            for what, file in _files(row)
            if check_files and not file.exists()
        ]
        rows.append(row)
    check_rows(path, problems, len(rows))
    return tuple(rows)


def text_of_table(rows: Iterable[TomogramRow]) -> str:
    """Return a table that `read_table` reads, with the columns that a row needs."""
    return text_of_rows([_values(row) for row in rows], REQUIRED)


def _values(row: TomogramRow) -> dict[str, str]:
    """Return the cells of a row that are not empty."""
    cells = {name: getattr(row, name) for name in (*REQUIRED, *OPTIONAL)}
    cells["picks"] = ";".join(map(str, row.picks))
    cells["expected"] = ";".join(f"{n}:{count}" for n, count in row.expected.items())
    return {
        name: str(value) for name, value in cells.items() if value not in (None, "")
    }


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
    """Yield the column and path of each file of a row."""
    yield "path", row.path
    for file in row.picks:
        yield "picks", file
    if row.mask:
        yield "mask", row.mask
    if row.membranes:
        yield "membranes", row.membranes
    yield from zip(("even", "odd"), row.halves, strict=False)
