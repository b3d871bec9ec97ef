"""Tomograms packed into jobs: a tomogram stays in its shard when others come or go."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
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


def file_stamp(path: Path) -> tuple[int, int]:
    """Return size [bytes] and modification time [ns], which a replaced file changes."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def forget_untrue_manifests(manifests: Iterable[Path]) -> None:
    """Delete the manifests that no longer say what is so; their shards run again.

    One is untrue if a file that it names is gone, if a file it was made from was
    replaced (even by an older one), or if a tomogram failed for a reason that may have
    passed, such as a disk that did not answer. A shard's per-tomogram files are not
    declared to the workflow, which would delete them all to remake one; so the
    manifest must not outlive them.
    """
    present: dict[str, set[str]] = {}
    for manifest in manifests:
        if manifest.exists() and not _is_true(manifest, present):
            manifest.unlink(missing_ok=True)


def _is_true(manifest: Path, present: dict[str, set[str]]) -> bool:
    try:
        written = manifest.stat().st_mtime_ns
        entries = json.loads(manifest.read_text())["tomograms"]
        return not any(
            entry["retry"] or _is_replaced(entry["stamps"], written)
            for entry in entries
        ) and all(
            _is_there(entry["path"], present)
            and all(
                _is_there(entry[file], present)
                for file in ("labels", "mask")
                if entry[file]
            )
            for entry in entries
            if entry["error"] is None
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _is_replaced(stamps: dict[str, list[int]], written: int) -> bool:
    """Return whether a file was replaced by an older one than the manifest [ns].

    The workflow sees newer ones itself, and knows better what follows from them.
    """
    for file, stamp in stamps.items():
        now = file_stamp(Path(file))
        if now != tuple(stamp) and now[1] <= written:
            return True
    return False


def _is_there(path: str, present: dict[str, set[str]]) -> bool:
    """Return whether a file exists; one listing a folder, for slow file systems."""
    folder, name = os.path.split(path)  # six times as fast as Path, for 50,000 of them
    if folder not in present:
        there = Path(folder)
        present[folder] = (
            {file.name for file in there.iterdir()} if there.is_dir() else set()
        )
    return name in present[folder]
