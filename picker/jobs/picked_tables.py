"""Tables of all picked tomograms: which to label next, and what picks are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.config.base import UNFINISHED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picker.project.records import Picked


def ranking_table(entries: Sequence[Picked]) -> str:
    """Return a TSV of the tomograms without labels or with some, the most picks first.

    Clear and full ones teach the most. The least sure ones, by the mean score of their
    picks, are those to distrust; to label them did not pay (docs/accuracy.md).
    """
    chosen = [entry for entry in entries if entry.split in UNFINISHED]
    chosen.sort(key=lambda entry: -entry.num_picks)
    lines = [("tomogram", "split", "mean_score", "picks")]
    lines += [
        (
            entry.tomogram,
            entry.split,
            "" if entry.mean_score is None else str(entry.mean_score),
            str(entry.num_picks),
        )
        for entry in chosen
    ]
    return "".join("\t".join(line) + "\n" for line in lines)


def expected_table(entries: Sequence[Picked]) -> str:
    """Return a TSV of the precision and recall to expect where nobody picked.

    Test tomograms are there too: their picks are known, but not used here, so that
    one can compare.
    """
    lines = ["split\tparticle\ttomograms\tpicks\tprecision\trecall\n"]
    for split in ("unlabeled", "predict", "test"):
        chosen = [e for e in entries if e.split == split and e.expected]
        for name in chosen[0].expected if chosen else ():
            picks = sum(e.counts[name] for e in chosen)
            right = sum(e.expected[name][0] for e in chosen)
            particles = sum(e.expected[name][1] for e in chosen)
            precision = f"{right / picks:.3f}" if picks else ""
            recall = f"{right / particles:.3f}" if particles else ""
            row = (split, name, str(len(chosen)), str(picks), precision, recall)
            lines.append("\t".join(row) + "\n")
    return "".join(lines)
