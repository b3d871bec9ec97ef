"""Kaggle's submission.csv of the CZII challenge."""

from __future__ import annotations

import csv
import logging
from typing import TYPE_CHECKING

from picker.core.files import checked_file, written_whole
from picker.core.picks import Picks, picks_from_arrays

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from picker.formats.picks.records import TomogramPicks

logger = logging.getLogger(__name__)

COLUMNS = ("id", "experiment", "particle_type", "x", "y", "z")


def write_submission(
    folder: Path,
    tomograms: Sequence[TomogramPicks],
    called: Mapping[str, str] | None = None,
) -> None:
    """Write `submission.csv` [Å] as Kaggle wants it, and the same rows with scores.

    Kaggle takes no other columns, so scores go to `submission_scores.csv`. `called` has
    the names that particles have there, where these differ.
    """
    rows: list[list[str]] = []
    for one in tomograms:
        for particle, position, score in zip(
            one.picks.particle, one.picks.position_zyx, one.picks.score, strict=True
        ):
            place = [repr(float(value)) for value in position[::-1]]
            name = (called or {}).get(str(particle), str(particle))
            rows.append([str(len(rows)), one.own_name, name, *place, str(score)])
    if not rows:
        logger.warning("warning: no picks; submission.csv has a header alone")
    for name, columns in (
        ("submission.csv", COLUMNS),
        ("submission_scores.csv", (*COLUMNS, "score")),
    ):
        with (
            written_whole(folder / name) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(row[: len(columns)] for row in rows)


def read_submission(path: Path) -> dict[str, Picks]:
    """Return tomogram: picks [Å] of either file that `write_submission` wrote.

    Tomograms without picks are left out. Picks without a score have 1.

    Raises
    ------
    ValueError
        If columns are missing or a position is no number.
    """
    checked = checked_file(path, "a submission")
    with checked.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or []
        if not set(COLUMNS) <= set(columns):
            raise ValueError(
                f"{path} has the columns {', '.join(columns)}; expected"
                f" {', '.join(COLUMNS)}"
            )
        rows = list(reader)
    found: dict[str, Picks] = {}
    for name in dict.fromkeys(row["experiment"] for row in rows):
        of_name = [row for row in rows if row["experiment"] == name]
        try:
            found[name] = picks_from_arrays(
                [[float(row[axis]) for axis in "zyx"] for row in of_name],
                [row["particle_type"] for row in of_name],
                [float(row.get("score") or 1) for row in of_name],
            )
        except ValueError as error:
            raise ValueError(
                f"{path}, experiment {name}: {error}; expected x, y, z in Å"
            ) from error
    return found
