"""PEET's motive lists: CSV with angles and shifts of the points of an IMOD model.

Source: PEET, slicer2motl and initMOTL; FrangakisLab, ArtiaX,
src/io/PEET/PEETParticleData.py; chanzuckerberg/cryoet-data-portal-backend,
ingestion_tools/scripts/common/point_converter.py.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from picker.core.files import write_text
from picker.formats.picks import imod
from picker.formats.picks.angles import (
    motl_from_rotation,
    rotation_from_motl,
    rounded_angles,
    told,
)
from picker.formats.picks.writing import each_class, rows_of
from picker.formats.text import finite, read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import Particle
    from picker.formats.picks.records import Coordinates, TomogramPicks

COLUMNS = (
    *("CCC", "reserved", "reserved", "pIndex", "wedgeWT", *["NA"] * 5),
    *("xOffset", "yOffset", "zOffset", "NA", "NA", "reserved"),
    *("phi", "psi", "theta", "reserved"),
)
SCORE, NUMBER, OFFSET, ANGLES = 0, 3, slice(10, 13), slice(16, 19)
ENDINGS = (".csv", "_MOTL.csv", "_initMOTL.csv")


def lists(path: Path) -> tuple[Path, ...]:
    """Return the files that may be a model's motive list; the first to exist is."""
    return tuple(path.with_name(f"{path.stem}{ending}") for ending in ENDINGS)


def models(path: Path) -> tuple[Path, ...]:
    """Return the models that a file may be the motive list of."""
    stems = (path.name.removesuffix(end) for end in ENDINGS if path.name.endswith(end))
    return tuple(path.with_name(f"{stem}.mod") for stem in stems)


def is_motive_list(path: Path) -> bool:
    """Return whether a file begins as a motive list does."""
    with path.open("rb") as file:
        return file.read(1000).lstrip().startswith(COLUMNS[0].encode())


def with_list(path: Path, found: Coordinates) -> Coordinates:
    """Return a model's points with orientations, shifts and scores of its motive list.

    Without a list beside the model, which begins with CCC, they stay what they are.

    Raises
    ------
    ValueError
        If the list has not one row for each point, or a value is not a finite number.
    """
    for file in lists(path):
        if not file.is_file():
            continue
        text = read_text(file, "PEET's motive list")
        if not text.lstrip().startswith(COLUMNS[0]):
            continue
        try:
            rows = list(csv.reader(text.splitlines()))
        except csv.Error as error:  # a cell beyond 131,072 characters
            raise ValueError(
                f"{file} is no table ({error}); expected PEET's motive list, copy it"
                " again"
            ) from error
        return _joined(file, path, rows[1:], found)
    return found


def _joined(
    file: Path, model: Path, rows: Sequence[Sequence[str]], found: Coordinates
) -> Coordinates:
    if len(rows) != len(found.score):
        raise ValueError(
            f"{file} has {len(rows)} rows, but {model.name} beside it has"
            f" {len(found.score)} points; expected a row for each, move the list away"
            " if it is of another model"
        )
    values = np.empty((len(rows), 7))
    for number, row in enumerate(rows, 1):
        if len(row) < len(COLUMNS):
            raise ValueError(
                f"{file}, row {number} has {len(row)} values; expected"
                f" {len(COLUMNS)}, copy it again"
            )
        wanted = [row[SCORE], *row[OFFSET], *row[ANGLES]]
        values[number - 1] = finite(file, f"row {number}", wanted)
    with np.errstate(over="ignore"):
        score = values[:, 0].astype(np.float32)
    return replace(
        found,
        value_zyx=found.value_zyx + values[:, 3:0:-1],
        # Before any alignment all are 0.
        score=score if score.any() else found.score,
        rotation=told(rotation_from_motl(values[:, 4:])),
    )


def write_lists(
    folder: Path, tomograms: Sequence[TomogramPicks], particles: Sequence[Particle]
) -> None:
    """Write `<tomogram>_<particle>.mod` and its motive list, `.csv`."""
    imod.check_names([particle.own_name for particle in particles])
    names = [particle.name for particle in particles]
    for number, name in each_class(names, tomograms):
        for one in tomograms:
            path = folder / f"{one.tomogram}_{name}.mod"
            lines = [",".join(COLUMNS)]
            for row, (_, score, rotation) in enumerate(rows_of(one.picks, name), 1):
                cells = ["0"] * len(COLUMNS)
                cells[SCORE], cells[NUMBER] = score, str(row)
                if rotation is not None:
                    angles = rounded_angles(motl_from_rotation(rotation[None])[0])
                    cells[ANGLES] = map(repr, angles)
                lines.append(",".join(cells))
            write_text(path.with_suffix(".csv"), "\n".join([*lines, ""]))
            imod.write_model(path, one, particles[number - 1 : number])
