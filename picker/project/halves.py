"""Which tomograms' halves a run predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.config.methods import METHODS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from picker.config import Config, TomogramRow


def halved_shards(
    config: Config, shards: Mapping[str, Sequence[TomogramRow]]
) -> dict[str, int]:
    """Return of how many of each shard's tomograms the halves tell how good picks are.

    Whole shards are taken one after the other, for as few jobs as can be: of a large
    table a shard's tomograms are a random sample anyway. Tomograms whose picks a stage
    of the method is trained on are left out, for others score lower.

    Parameters
    ----------
    config
        The method, and how many tomograms.
    shards
        Shard: its rows, all of one split.

    Returns
    -------
    Shard: number of tomograms, which are the first ones in it that have halves; shards
    without any are left out.
    """
    methods = config.finding(config.method)
    stages = [stage for name in methods for stage in METHODS[name].stages]
    trained = {"labeled"}.union(*(stage.labeled for stage in stages))
    left = config.reproducibility.tomograms
    numbers: dict[str, int] = {}
    for shard, rows in shards.items():
        if left == 0:
            break
        if rows[0].split in trained:
            continue
        if number := min(left, sum(bool(row.halves) for row in rows)):
            numbers[shard] = number
            left -= number
    return numbers


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
