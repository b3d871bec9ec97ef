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


def refuse_unfit(method: str, rows: Sequence[TomogramRow]) -> None:
    """Check that a method knows what to do with these tomograms.

    Raises
    ------
    ValueError
        See the three checks.
    """
    refuse_partial(method, rows)
    refuse_answers_alone(method, rows)
    refuse_nothing_to_learn_from(method, rows)


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
        If the method learns from labels, and beside reviewed tomograms there is none
        that thresholds can be chosen on.
    """
    splits = {row.split for row in rows}
    needs_labels = METHODS[method].needs_labels  # type: ignore[index]
    if needs_labels and "reviewed" in splits and splits.isdisjoint(FEEDBACK):
        raise ValueError(
            f"thresholds of method {method} cannot be chosen: the tomograms are"
            f" {', '.join(sorted(splits))}, and of those that train all are reviewed;"
            " expected one at least of split labeled, partial or validation. Label the"
            " particles of one, all of them (labeled, validation) or a part (partial),"
            " and name its file in the column picks"
        )


def refuse_nothing_to_learn_from(method: str, rows: Sequence[TomogramRow]) -> None:
    """Check that a method that learns without labels has tomograms to learn from.

    Raises
    ------
    ValueError
        If it is trained on proposals alone and no row has a split that it sees.
    """
    row = METHODS[method]  # type: ignore[index]
    if row.needs_labels or not row.stages:
        return
    splits = {split for stage in row.stages for split in stage.proposed}
    if splits.isdisjoint(one.split for one in rows):
        raise ValueError(
            f"method {method} learns from tomograms of split unlabeled, and none of"
            f" {len(rows)} is; give some rows of the table split: unlabeled, their"
            " particles are found too"
        )


def _sees(row: Row, split: Split) -> bool:
    """Return whether a stage knows what to make of a split's tomograms."""
    return any(split in (*stage.labeled, *stage.proposed) for stage in row.stages)
