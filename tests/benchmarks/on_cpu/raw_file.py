"""A raw file to candidates, with and without a stored copy, over the network alone."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

from inputs import prepare, usable, write_table
from on_cpu.part import seconds
from on_cpu.table import Row, over

from picker.jobs.predict_shard import predict_shard
from picker.jobs.stored import whole_volume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Literal

    from on_cpu.part import Job

    from picker.jobs.loaded import Loaded

AIM = 1.15
NUMBER = 2
"""Tomograms of a shard: the next one is read while one is computed."""
NETWORK = "the network alone, volume in memory to heatmap"
KEPT = {
    "all": "with a stored copy (`preprocess.keep: all`)",
    "trained": "without (`preprocess.keep: trained`)",
}
UNITS = "[s]", "[CPU-seconds]"


def rows(job: Job) -> Iterator[Row]:
    """Yield the time and CPU-seconds that one tomogram takes, and ratios."""
    loaded = job.loaded("small")
    table = job.folder / "table.tsv"
    write_table(table, job.raw(NUMBER), NUMBER)
    prepare(job.folder / "before", table)
    entries = usable(table.with_suffix(".json"))
    volumes = [whole_volume(entry) for entry in entries]

    def network() -> None:
        for volume in volumes:
            loaded.finder.heatmap(volume)

    network()  # the first waits for memory
    taken: dict[str, list[tuple[float, ...]]] = {n: [] for n in (NETWORK, *KEPT)}
    for turn in job.rounds(3):
        taken[NETWORK].append(seconds(network))
        for keep in KEPT:
            folder = job.folder / f"{keep}_{turn}"
            whole = partial(find, folder, table, keep, loaded)
            taken[keep].append(seconds(whole))
            shutil.rmtree(folder)
    for name, found in taken.items():
        for i, unit in enumerate(UNITS):
            each = tuple(one[i] / NUMBER for one in found)
            if name == NETWORK:
                yield Row(name=f"{name} {unit}", rounds=each)
                continue
            alone = [one[i] / NUMBER for one in taken[NETWORK]]
            yield Row(
                name=f"{KEPT[name]} {unit}; / the network alone",
                rounds=each,
                ratios=over(each, alone),
                aim=AIM,
            )


def find(
    folder: Path, table: Path, keep: Literal["all", "trained"], loaded: Loaded
) -> None:
    """Preprocess and predict a shard, into a folder of its own."""
    prepare(folder, table, keep)
    entries = usable(table.with_suffix(".json"))
    predict_shard(entries, folder / "candidates", loaded)
