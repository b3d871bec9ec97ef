"""The submission of the CZII challenge on Kaggle: one CSV row a pick, in Å."""

from __future__ import annotations

import csv
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.formats.star import TomogramPicks

COLUMNS = ("id", "experiment", "particle_type", "x", "y", "z")


def write_submission(folder: Path, tomograms: Sequence[TomogramPicks]) -> None:
    """Write `submission.csv` as Kaggle wants it, and the same rows with scores."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for one in tomograms:
        for particle, position, score in zip(
            one.picks.particle, one.picks.position_zyx, one.picks.score, strict=True
        ):
            place = [f"{float(v):.9g}" for v in position[::-1]]
            rows.append(
                [str(len(rows)), one.tomogram, particle, *place, f"{score:.6g}"]
            )
    for name, columns in (
        ("submission.csv", COLUMNS),
        ("submission_scores.csv", (*COLUMNS, "score")),
    ):
        temporary = folder / f".{name}.{os.getpid()}"
        with temporary.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(row[: len(columns)] for row in rows)
        temporary.replace(folder / name)
