"""A shard of large tomograms of noise, as raw files and preprocessed."""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

import psutil
from inputs import prepare, write_raw
from on_gpu.section import GIB

if TYPE_CHECKING:
    from pathlib import Path

    from on_gpu.section import Section

MEMORY_A_PROCESS = 3e9
"""Of preprocessing one tomogram [bytes]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How large everything is."""

    preset: str = "full"
    shape: tuple[int, int, int] = (184, 630, 630)
    shard: int = 32
    files: int = 8
    """Different ones on disk; the shard has each several times, by hard links."""
    alone: int = 4
    """Files that are predicted without the pipeline."""
    rounds: int = 2


def shard(section: Section, size: Size, manifests: list[Path]) -> dict:
    """Write the shard's raw files and preprocess them, on all cores."""
    raw = section.folder / "raw"
    raw.mkdir()
    first = [raw / f"TS_{i}.mrc" for i in range(size.files)]
    fits = psutil.virtual_memory().available // MEMORY_A_PROCESS
    cores = 1 if section.toy else len(os.sched_getaffinity(0))
    number = int(max(1, min(cores, size.shard, fits)))
    with ProcessPoolExecutor(number, get_context("spawn")) as pool:
        list(pool.map(write_raw, first, [size.shape] * size.files, range(size.files)))
        rows = []
        for i in range(size.shard):
            path = raw / f"TS_{i}.mrc"
            if i >= size.files:
                path.hardlink_to(first[i % size.files])
            rows.append(f"TS_{i}\t{path}\tpredict")
        tables = []
        for part in range(number):
            tables.append(raw / f"{part}.tsv")
            lines = ["tomogram\tpath\tsplit", *rows[part::number]]
            tables[-1].write_text("\n".join(lines) + "\n")
        begin = time.monotonic()
        each = sum(pool.map(prepare, [section.folder] * number, tables))
        wall = time.monotonic() - begin
    manifests += [table.with_suffix(".json") for table in tables]
    return {
        "tomograms": size.shard,
        "different files": size.files,
        "file [GiB]": first[0].stat().st_size / GIB,
        "processes": number,
        "wall a tomogram [s]": wall / size.shard,
        "core a tomogram [s]": each / size.shard,
    }
