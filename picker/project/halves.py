"""Which tomograms' halves a run predicts."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from picker.config.methods import METHODS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from picker.config import Config, TomogramRow


def halved_shards(
    config: Config,
    rows: Sequence[TomogramRow],
    shards: Mapping[str, Sequence[TomogramRow]],
) -> dict[str, int]:
    """Return of how many of each shard's tomograms the halves tell how good picks are.

    These are the first ones in the table that have halves and whose picks no stage of
    the method is trained on, for others score too high. Of a shard they are the first
    ones that have halves too.

    Parameters
    ----------
    config
        The method, and how many tomograms.
    rows
        The table.
    shards
        Shard: its rows, in the order of the table.

    Returns
    -------
    Shard: number of tomograms; shards without any are left out.
    """
    stages = METHODS[config.method].stages
    trained = {"labeled"}.union(*(stage.labeled for stage in stages))
    of_use = (row.tomogram for row in rows if row.halves and row.split not in trained)
    chosen = set(islice(of_use, config.reproducibility.tomograms))
    if not chosen:
        return {}
    numbers = {
        shard: sum(row.tomogram in chosen for row in members)
        for shard, members in shards.items()
    }
    return {shard: number for shard, number in numbers.items() if number}


def refuse_without_halves(rows: Sequence[TomogramRow]) -> None:
    """Refuse labeled tomograms without halves, where thresholds rest on halves.

    Raises
    ------
    ValueError
        If there is one.
    """
    without = [
        row.tomogram for row in rows if row.split == "labeled" and not row.halves
    ]
    if without:
        more = f" and {len(without) - 1} more" if without[1:] else ""
        raise ValueError(
            f"calibrate.copies is halves, and the labeled tomogram {without[0]}{more}"
            " has none; expected an even and an odd half of each, name their files in"
            " the columns even and odd of the table, or set calibrate.copies to noise"
        )
