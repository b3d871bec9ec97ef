"""Tables of all picked tomograms: which to label next, and what picks are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.config.base import UNFINISHED
from picker.formats.tables.tsv import text_of_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picker.project.records import Picked


def ranking_table(entries: Sequence[Picked]) -> str:
    """Return a TSV of the tomograms without labels or with some, the most picks first.

    Clear and full ones teach the most. The least sure ones, by the mean score of their
    picks, are those to distrust; to label them did not pay (docs/accuracy.md). Classes
    differ in what a score is worth, so the order does not depend on scores.
    """
    chosen = [entry for entry in entries if entry.split in UNFINISHED]
    chosen.sort(key=lambda entry: -entry.num_picks)
    rows = [
        {
            "tomogram": entry.tomogram,
            "split": entry.split,
            "mean_score": entry.mean_score,
            "picks": entry.num_picks,
        }
        for entry in chosen
    ]
    return text_of_rows(rows, ("tomogram", "split", "mean_score", "picks"))


def expected_table(entries: Sequence[Picked]) -> str:
    """Return a TSV of the precision and recall to expect where nobody picked.

    Test tomograms are there too: their picks are known, but not used here, so that
    one can compare.
    """
    columns = ("split", "particle", "tomograms", "picks", "precision", "recall")
    rows: list[dict[str, str | float | None]] = []
    for split in ("unlabeled", "predict", "test"):
        chosen = [e for e in entries if e.split == split and e.expected]
        for name in chosen[0].expected if chosen else ():
            picks = sum(e.counts[name] for e in chosen)
            right = sum(e.expected[name][0] for e in chosen)
            particles = sum(e.expected[name][1] for e in chosen)
            precision = right / picks if picks else None
            recall = right / particles if particles else None
            values = (split, name, len(chosen), picks, precision, recall)
            rows.append(dict(zip(columns, values, strict=True)))
    return text_of_rows(rows, columns, digits=3)
