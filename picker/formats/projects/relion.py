"""Tomograms of a RELION project, as its tomograms.star has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.config import known_as
from picker.formats.projects.patterns import named_files
from picker.formats.projects.rows import Found
from picker.formats.tables.star_table import read_tables
from picker.formats.tables.tilt_series import NAME, PIXEL_SIZE, read_tilt_series
from picker.formats.text import is_missing, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from picker.config import RelionSettings

BINNING = "rlnTomoTomogramBinning"
WHOLE = "rlnTomoReconstructedTomogram"
DENOISED = f"{WHOLE}Denoised"
HALF_1, HALF_2 = f"{WHOLE}Half1", f"{WHOLE}Half2"
NONE = ("N/A", "None")
"""What RELION's programs write for a volume that there is not."""


def relion_tomograms(settings: RelionSettings) -> list[Found]:
    """Return the tomograms of a tomograms.star, in its order.

    The voxel size is the tilt series' pixel size times the tomogram's binning; where
    RELION says no binning, or the volumes are others than its own, the volume's header
    has it. Half 1 is of even frames.

    Raises
    ------
    ValueError
        If the file is not RELION's, or has no column of the volumes that are wanted.

    Source: RELION 5, https://github.com/3dem/relion, commit 73f0a3c,
    src/jaz/tomography/programs/reconstruct_tomogram.cpp and, of denoised volumes,
    src/tomography_python_programs/denoise/cryoCARE/_utils.py.
    """
    star = settings.tomograms_star
    series = read_tilt_series(star)
    columns, binning = _columns(star)
    of_halves = _columns(settings.halves_star)[0] if settings.halves_star else columns
    column = DENOISED if settings.volume == "denoised" else WHOLE
    root = settings.root
    if settings.files:
        whole, lacking = named_files(settings.files), f"has no file {settings.files}"
    elif column in columns:
        root = root or _root(star, columns[column])
        whole = {name: root / text for name, text in columns[column].items()}
        lacking = f"has no {column} in {star}"
    else:
        raise _no_volumes(star, column, columns)
    first, second = (of_halves.get(half, {}) for half in (HALF_1, HALF_2))
    # A half without the other is of no use, and no mistake: each is a job's result.
    halves = {name: (first[name], second[name]) for name in first if name in second}
    if halves:
        root = root or _root(settings.halves_star or star, first)
    found = []
    for name, one in series.items():
        # WarpTools' file has names such as TS_01.tomostar.
        called = name if name in whole else known_as([name], whole, star)
        if called is None:
            found.append(Found(name=name, path=star, waits=lacking))
            continue
        even, odd = (
            (root / half for half in halves[name])
            if root and name in halves
            else (None, None)
        )
        found.append(
            Found(
                name=name,
                path=whole[called],
                even=even,
                odd=odd,
                voxel_size=one.pixel_size * binning[name]
                if name in binning and not settings.files
                else None,
                tilt_pixel_size=one.pixel_size,
            )
        )
    return found


def _columns(star: Path) -> tuple[dict[str, dict[str, str]], dict[str, float]]:
    """Return each column of volumes, and binnings, by the tomograms' names."""
    wanted = (WHOLE, DENOISED, HALF_1, HALF_2)
    tables = read_tables(star, {NAME, *wanted}, {BINNING})
    table = next((t for t in tables if NAME in t and PIXEL_SIZE in t), None)
    if table is None:
        raise ValueError(
            f"{star} has no table with {NAME} and {PIXEL_SIZE}; expected RELION's"
            " tomograms.star, set tomograms.relion.halves_star to its path"
        )
    names = table.texts(NAME)
    columns = {
        column: {
            name: text
            for name, text in zip(names, table.raw(column), strict=True)
            if not is_missing(text) and text not in NONE
        }
        for column in wanted
        if column in table
    }
    if BINNING not in table:
        return columns, {}
    sizes = table.numbers(BINNING, may_lack=True).tolist()
    binning = dict(zip(names, sizes, strict=True))
    return columns, {name: value for name, value in binning.items() if value > 0}


def _root(star: Path, paths: Mapping[str, str]) -> Path:
    """Return the folder above a STAR file from which paths in it lead to files.

    Raises
    ------
    ValueError
        If there is none.
    """
    first = next(iter(paths.values()), "")
    for folder in star.absolute().parents:
        if not first or (folder / first).exists():
            return folder
    raise ValueError(
        f"{star} names {first}, which no folder above it has; expected the volume"
        " there, set tomograms.relion.root to the folder in which RELION runs"
    )


def _no_volumes(star: Path, column: str, columns: Iterable[str]) -> ValueError:
    """Return the error for a file without the column of the volumes."""
    has = listed(columns) or "none"
    return ValueError(
        f"{star} has no column {column}, of such columns it has {has}; expected the"
        " tomograms.star of a job that reconstructed whole tomograms: choose another,"
        " set tomograms.relion.volume to denoised if it has denoised ones, or name the"
        " volumes by a pattern in tomograms.relion.files"
    )
