"""What can be done with tomograms of which a part is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.config.base import FEEDBACK
from picker.config.methods import METHODS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picker.config import Split, TomogramRow
    from picker.config.methods import Row

WHAT_TO_DO: dict[Split, str] = {
    "partial": "split: labeled where every particle has a label, predict where the"
    " labels are not needed",
    "reviewed": "split: predict where the answers are not needed",
}
"""Splits of which a part is known, and what to do if a method does not see them."""


def refuse_partial(method: str, rows: Sequence[TomogramRow]) -> None:
    """Check that a method knows what to make of partial and reviewed tomograms.

    To leave them out without a word would waste labels that somebody made.

    Raises
    ------
    ValueError
        If it is trained, and not on them.
    """
    row = METHODS[method]  # type: ignore[index]
    for split, other in WHAT_TO_DO.items():
        found = [one.tomogram for one in rows if one.split == split]
        if not found or not row.stages or _sees(row, split):
            continue
        others = ", ".join(name for name, one in METHODS.items() if _sees(one, split))
        raise ValueError(
            f"method {method} takes what has no label for background, but"
            f" {len(found)} tomograms have split {split} ({found[0]} is the first);"
            f" expected one of the methods {others}. Change method, or {other}"
        )


def refuse_answers_alone(method: str, rows: Sequence[TomogramRow]) -> None:
    """Check that thresholds need not rest on answers about candidates alone.

    Training learns from these, but their candidates are chosen ones. A project in which
    nothing is known is no such case: it can be preprocessed, and no training begins.

    Raises
    ------
    ValueError
        If the method is trained, and beside reviewed tomograms there is none that
        thresholds can be chosen on.
    """
    splits = {row.split for row in rows}
    is_trained = bool(METHODS[method].stages)  # type: ignore[index]
    if is_trained and "reviewed" in splits and splits.isdisjoint(FEEDBACK):
        raise ValueError(
            f"thresholds of method {method} cannot be chosen: the tomograms are"
            f" {', '.join(sorted(splits))}, and of those that train all are reviewed;"
            " expected one at least of split labeled, partial or validation. Label the"
            " particles of one, all of them (labeled, validation) or a part (partial),"
            " and name its file in the column picks"
        )


def _sees(row: Row, split: Split) -> bool:
    """Return whether a stage trains on the labels of a split."""
    return any(split in stage.labeled for stage in row.stages)
