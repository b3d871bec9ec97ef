"""Which methods train on tomograms in which a part of the particles has labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.config.methods import METHODS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picker.config import TomogramRow
    from picker.config.methods import Row


def refuse_partial(method: str, rows: Sequence[TomogramRow]) -> None:
    """Check that a method knows what to make of partial tomograms, if there are any.

    To leave them out without a word would waste labels that somebody made.

    Raises
    ------
    ValueError
        If it is trained, and not on them.
    """
    partial = [row.tomogram for row in rows if row.split == "partial"]
    row = METHODS[method]  # type: ignore[index]
    if not partial or not row.stages or _sees_partial(row):
        return
    others = ", ".join(name for name, other in METHODS.items() if _sees_partial(other))
    raise ValueError(
        f"method {method} takes what has no label for background, but"
        f" {len(partial)} tomograms have split partial ({partial[0]} is the first);"
        f" expected one of the methods {others}. Change method, or split: labeled where"
        " every particle has a label, predict where the labels are not needed"
    )


def _sees_partial(row: Row) -> bool:
    """Return whether a stage trains on partial tomograms."""
    return any("partial" in stage.labeled for stage in row.stages)
