"""`picker predict` as a program: its memory, its start, and one tomogram more."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from inputs import prepare, usable, write_raw, write_table
from on_cpu.part import BEYOND, TINY
from on_cpu.table import Row
from programs import cost_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from on_cpu.part import Job
    from programs import Cost

TOMOGRAMS, SECONDS = 3.0, 3.0
"""Aims: memory of the small network in tomograms of float32, and seconds to start."""
SHARD = 3


def rows(job: Job) -> Iterator[Row]:
    """Yield peaks of memory, by network, views and stored copy; then seconds."""
    tiny = job.folder / "tiny.mrc"
    write_raw(tiny, TINY, 0)
    shards = {
        "tiny": manifest(job, "tiny", [tiny], "all"),
        "copy": manifest(job, "copy", job.raw(1), "all"),
        "file": manifest(job, "file", job.raw(1), "trained"),
        "shard": manifest(job, "shard", job.raw(1), "all", SHARD),
    }
    kinds = {
        ("small", "copy", False): "one view, with a stored copy",
        ("small", "copy", True): "four views, with a stored copy",
        ("small", "file", False): "one view, without a copy",
        ("small", "shard", False): f"one view, {SHARD} tomograms with stored copies",
    }
    if job.full:
        kinds |= {
            ("full", "copy", False): "one view, with a stored copy",
            ("full", "copy", True): "four views, with a stored copy",
        }
    least = {(preset, "tiny", False): "" for preset in job.presets}
    found: dict[tuple[str, str, bool], list[Cost]] = {k: [] for k in least | kinds}
    for _ in job.rounds(2):
        for (preset, shard, flips), costs in found.items():
            costs.append(predicted(job, preset, shards[shard], flips=flips))
    for (preset, shard, flips), text in kinds.items():
        peaks = [cost.peak for cost in found[preset, shard, flips]]
        tiny_peaks = [cost.peak for cost in found[preset, "tiny", False]]
        pairs = zip(peaks, tiny_peaks, strict=True)
        yield Row(
            name=f"{preset}: {text}, peak memory [MB]; {BEYOND}",
            rounds=tuple(peaks),
            ratios=tuple((a - b) / job.megabytes for a, b in pairs),
            aim=TOMOGRAMS if preset == "small" else None,
        )
    yield Row(
        name="small: the whole program for a tiny tomogram [s]",
        rounds=tuple(cost.wall for cost in found["small", "tiny", False]),
        aim=SECONDS,
    )
    one, more = found["small", "copy", False], found["small", "shard", False]
    yield Row(
        name="small: one tomogram more in a shard [s]",
        rounds=tuple(
            (b.wall - a.wall) / (SHARD - 1) for a, b in zip(one, more, strict=True)
        ),
    )


def manifest(
    job: Job, name: str, files: list[Path], keep: str, number: int = 1
) -> Path:
    """Preprocess so many tomograms and return their manifest."""
    table = job.folder / f"{name}.tsv"
    write_table(table, files, number)
    prepare(job.folder / name, table, keep)
    usable(table.with_suffix(".json"))
    return table.with_suffix(".json")


def predicted(job: Job, preset: str, shard: Path, *, flips: bool) -> Cost:
    """Return what predicting a shard costs."""
    candidates = job.folder / "candidates"
    cost = cost_of(
        *("picker", "predict", "--manifests", shard, "--candidates", candidates),
        *("--model", job.model(preset), "--settings", *job.settings(flips=flips)),
        *("--output", job.folder / "predicted.json"),
    )
    shutil.rmtree(candidates)
    return cost
