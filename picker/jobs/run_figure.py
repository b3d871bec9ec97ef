"""How good a run is, in one figure, and what tells whether another is comparable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from picker.core.fingerprint import fingerprint
from picker.formats.tables.tsv import read_rows
from picker.jobs.finish import expected_of, mean_of
from picker.project.json_files import read_json
from picker.project.manifests import read_manifest
from picker.project.records import Predicted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

EXPECTED = "expected_precision"


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One figure of a run.

    Attributes
    ----------
    text
        What it says, for people.
    measure
        What it is of, as metrics.json calls it, or `expected_precision`.
    value
        A mean over classes; None where there is none.
    judged_on
        Another text where it is measured on other tomograms or other known particles.
    """

    text: str
    measure: str
    value: float | None
    judged_on: str


def figure_of(
    evaluation: Sequence[Path], reproducibility: Path | None, halves: Sequence[Path]
) -> Figure | None:
    """Return F1 of a run, else recall, else the precision to expect.

    Parameters
    ----------
    evaluation
        `metrics.json` and `by_tomogram.tsv`, if particles are known.
    reproducibility, halves
        Table of what halves tell, and manifests of their candidates, if there are any.

    Returns
    -------
    None where nothing is measured.
    """
    files = {path.name: path for path in evaluation}
    if "metrics.json" in files and "by_tomogram.tsv" in files:
        metrics = read_json(files["metrics.json"])
        measure = next(key for key in metrics if key.startswith(("f1@", "recall@")))
        names = {row["tomogram"] for row in read_rows(files["by_tomogram.tsv"])}
        judged_on = fingerprint(metrics["split"], sorted(names), metrics["num_truth"])
        return Figure(
            text=mean_of(files["metrics.json"]),
            measure=measure,
            value=metrics[measure]["mean"],
            judged_on=judged_on[:16],
        )
    expected = expected_of(reproducibility) if reproducibility else None
    if expected is None:
        return None
    mean, text = expected
    names = {
        entry.tomogram
        for path in halves
        for entry in read_manifest(path).tomograms
        # Those of labeled tomograms are predicted to choose thresholds.
        if isinstance(entry, Predicted) and entry.split != "labeled"
    }
    judged_on = fingerprint(sorted(names))[:16]
    return Figure(text=text, measure=EXPECTED, value=mean, judged_on=judged_on)
