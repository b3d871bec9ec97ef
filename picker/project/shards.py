"""Tomograms packed into jobs: a tomogram stays in its shard when others come or go."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from picker.config import SPLITS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from picker.config import TomogramRow


def shards_from_rows(
    rows: Iterable[TomogramRow], shard_size: int
) -> dict[str, list[TomogramRow]]:
    """Return shard name: rows, each split in shards of its own.

    A tomogram's place is crc32(name) modulo the number of shards, so that adding ten
    tomograms to a table changes ten shards, not all. That number is the largest power
    of two that leaves a shard `shard_size` tomograms or more on average: no more than
    `tomograms / shard_size` jobs, and it seldom changes. Splits are kept apart, so that
    more tomograms to predict do not look like new training data.
    """
    by_split: dict[str, list[TomogramRow]] = {split: [] for split in SPLITS}
    for row in rows:
        by_split[row.split].append(row)
    shards: dict[str, list[TomogramRow]] = {}
    for split, members in by_split.items():
        num = 1
        while 2 * num * shard_size <= len(members):
            num *= 2
        for row in members:
            place = zlib.crc32(row.tomogram.encode()) % num
            shards.setdefault(f"{split}-{place + 1:04d}of{num:04d}", []).append(row)
    return shards
