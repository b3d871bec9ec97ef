"""Tomograms packed into jobs: a tomogram stays in its shard when others come or go."""

from __future__ import annotations

import json
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

    A tomogram's place is crc32(name) modulo the number of shards, a power of two, so
    that adding ten tomograms to a table changes ten shards, not all. Splits are kept
    apart, so that more tomograms to predict do not look like new training data.
    """
    by_split: dict[str, list[TomogramRow]] = {split: [] for split in SPLITS}
    for row in rows:
        by_split[row.split].append(row)
    shards: dict[str, list[TomogramRow]] = {}
    for split, members in by_split.items():
        num = 1
        while num * shard_size < len(members):
            num *= 2
        for row in members:
            place = zlib.crc32(row.tomogram.encode()) % num
            shards.setdefault(f"{split}-{place + 1:04d}of{num:04d}", []).append(row)
    return shards


def forget_untrue_manifests(folders: Iterable[Path]) -> None:
    """Delete the manifests that name a file which is gone.

    A shard's per-tomogram files are not declared to the workflow, which would delete
    them all to remake one. So the manifest must not outlive them.
    """
    present: dict[Path, set[str]] = {}
    for folder in folders:
        for manifest in folder.glob("*.json"):
            if not _is_true(manifest, present):
                manifest.unlink(missing_ok=True)


def _is_true(manifest: Path, present: dict[Path, set[str]]) -> bool:
    """Return whether a manifest can be read and every file that it names is there."""
    try:
        entries = json.loads(manifest.read_text())["tomograms"]
        return all(
            _is_there(Path(file), present)
            for entry in entries
            if entry["error"] is None
            for file in (entry["path"], entry["labels"])
            if file
        )
    except (ValueError, KeyError, TypeError):
        return False


def _is_there(path: Path, present: dict[Path, set[str]]) -> bool:
    """Return whether a file exists; one listing a folder, for slow file systems."""
    folder = path.parent
    if folder not in present:
        present[folder] = (
            {file.name for file in folder.iterdir()} if folder.is_dir() else set()
        )
    return path.name in present[folder]
