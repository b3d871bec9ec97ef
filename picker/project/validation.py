"""What cannot be trained without tomograms to validate on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picker.config import Config, TomogramRow
    from picker.config.methods import Stage


def refuse_without_validation(
    config: Config, stage: Stage, rows: Sequence[TomogramRow]
) -> None:
    """Check that a learning rate that follows validation F1 has tomograms for it.

    Raises
    ------
    ValueError
        If a stage reads `burn_in.plateau`, it is on, and no row has split validation.
    """
    is_on = config.burn_in.plateau.is_on and "burn_in" in stage.sections
    if is_on and all(row.split != "validation" for row in rows):
        raise ValueError(
            "burn_in.plateau lowers the learning rate by F1 on validation tomograms,"
            f" and none of {len(rows)} tomograms is one; give a row of the table split:"
            " validation, or set burn_in.plateau.patience: 0"
        )
