"""What one tomogram more costs `picker preprocess`, and the most memory it takes."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from inputs import usable, write_raw, write_table
from on_cpu.part import BEYOND, TINY
from on_cpu.table import Row
from programs import cost_of, write_settings
from ways import PARTICLES

from picker.config import PreprocessSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from on_cpu.part import Job
    from programs import Cost

FEW, MANY = 2, 10
SECONDS, TOMOGRAMS = 1.0, 2.0
"""Aims: CPU-seconds a tomogram, and memory in tomograms of float32."""
MORE = "one tomogram more"


def rows(job: Job) -> Iterator[Row]:
    """Yield CPU-seconds and memory, with and without stored copies."""
    few, many = (1, 2) if job.toy else (FEW, MANY)
    tables = {}
    for number in (few, many):
        tables[number] = job.folder / f"{number}.tsv"
        write_table(tables[number], job.raw(2), number)
    tiny = job.folder / "tiny.mrc"
    write_raw(tiny, TINY, 0)
    tables[0] = job.folder / "tiny.tsv"
    write_table(tables[0], [tiny], 1)
    for keep in ("all", "trained"):
        found = [
            {n: preprocessed(job.folder, table, keep) for n, table in tables.items()}
            for _ in job.rounds(3)
        ]
        text = f"`preprocess.keep: {keep}`"
        more = [(one[many].cpu - one[few].cpu) / (many - few) for one in found]
        yield Row(name=f"{text}: {MORE} [CPU-seconds]", rounds=tuple(more), aim=SECONDS)
        yield Row(
            name=f"{text}: peak memory [MB]; {BEYOND}",
            rounds=tuple(one[many].peak for one in found),
            ratios=tuple((o[many].peak - o[0].peak) / job.megabytes for o in found),
            aim=TOMOGRAMS,
        )


def preprocessed(folder: Path, table: Path, keep: str) -> Cost:
    """Return what preprocessing all tomograms of a table costs."""
    output = folder / "output"
    settings = write_settings(
        folder / "settings",
        particles=[particle.model_dump(mode="json") for particle in PARTICLES],
        preprocess=PreprocessSettings(keep=keep).model_dump(mode="json"),
    )
    cost = cost_of(
        *("picker", "preprocess", "--tomograms", table, "--settings", *settings),
        *("--volumes", output / "volumes", "--labels", output / "labels"),
        *("--output", output / "manifest.json"),
    )
    usable(output / "manifest.json")
    shutil.rmtree(output)
    return cost
