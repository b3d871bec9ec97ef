"""Tomograms packed into jobs: a tomogram stays in its shard when others come or go."""

from __future__ import annotations

import json
import os
import shlex
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from picker.config import SPLITS
from picker.whole import checked_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from picker.config import TomogramRow

AT_A_TIME = 16
"""Manifests that are held against the disk at a time: file servers answer slowly."""
METADATA = ("zarr.json", ".zgroup", ".zarray", ".zattrs")


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
    """Return size [bytes] and modification time [ns], which a replaced file changes.

    Of a Zarr folder a checksum of the times of all folders in it and of the metadata,
    and the newest of them. A chunk that is replaced, as Zarr's libraries do, changes
    its folder; one that is overwritten in place changes nothing that is looked at, for
    there are too many of them to look at each whenever the workflow is loaded. Of any
    other folder, which is no volume and may be a whole disk, no more is looked at.
    """
    stat = path.stat()
    if not _is_zarr(path):
        return stat.st_size, stat.st_mtime_ns
    times = [(".", stat.st_mtime_ns)]
    folders = [str(path)]
    for folder in folders:  # grows meanwhile
        with os.scandir(folder) as entries:
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder:
                    folders.append(entry.path)
                if is_folder or entry.name in METADATA:
                    times.append((entry.path, entry.stat().st_mtime_ns))
    return zlib.crc32(str(sorted(times)).encode()), max(time for _, time in times)


def _is_zarr(path: Path) -> bool:
    """Return whether a path is a folder with Zarr metadata."""
    return any((path / name).is_file() for name in METADATA)


def untrue_manifests(manifests: Iterable[Path]) -> list[Path]:
    """Return the manifests that no longer say what is so; their shards must run again.

    One is untrue if a file that it names is gone, if a file it was made from was
    replaced (even by an older one) or changed deep in a Zarr folder, or if a tomogram
    failed for a reason that may have passed, such as a disk that did not answer. A
    shard's per-tomogram files are not declared to the workflow, which would delete them
    all to remake one; so the manifest must not outlive them.

    Raises
    ------
    FileNotFoundError
        If a whole folder of such files is gone, as when its disk is away: that is no
        reason to compute everything again.
    """
    disk = _Disk()
    there = [manifest for manifest in manifests if manifest.exists()]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        untrue = [
            manifest
            for manifest, is_true in zip(
                there, pool.map(disk.agrees, there), strict=True
            )
            if not is_true
        ]
    if disk.gone:
        gone = " and ".join(sorted(disk.gone))
        raise FileNotFoundError(
            f"the folder {gone} is gone, of which manifests say that it has files. If"
            " it is on a disk that is away, bring that back. If it was deleted for"
            f" good: mkdir -p {' '.join(map(shlex.quote, sorted(disk.gone)))}, and"
            " what it had is made again"
        )
    return untrue


class _Disk:
    """What is on the disk; nothing is looked at twice, for slow file systems."""

    def __init__(self) -> None:
        self.names: dict[str, set[str]] = {}
        self.gone: set[str] = set()
        self.listing = Lock()
        self.stamp = cache(file_stamp)  # manifests of several stages name one file

    def agrees(self, manifest: Path) -> bool:
        """Return whether a manifest says what is so."""
        try:
            written = manifest.stat().st_mtime_ns
            text = checked_file(manifest, "a manifest").read_text()
            entries = json.loads(text)["tomograms"]
            return not any(
                entry["retry"] or self.replaced(entry["stamps"], written)
                for entry in entries
            ) and all(
                self.has(entry["path"])
                and all(
                    self.has(entry[file]) for file in ("labels", "mask") if entry[file]
                )
                for entry in entries
                if entry["error"] is None
            )
        except (
            *(OSError, ValueError, KeyError, TypeError, AttributeError),
            RecursionError,
        ):
            return False

    def replaced(self, stamps: dict[str, list[int]], written: int) -> bool:
        """Return whether a file was replaced by an older one than the manifest [ns].

        The workflow sees newer ones itself, and knows better what follows from them. Of
        a folder it sees the time of the outermost alone, which a change inside leaves.
        """
        return any(
            self.stamp(Path(file)) != tuple(before)
            and Path(file).stat().st_mtime_ns <= written
            for file, before in stamps.items()
        )

    def has(self, path: str) -> bool:
        """Return whether a file exists; its folder is listed once."""
        folder, name = os.path.split(path)  # six times as fast as Path
        with self.listing:
            if folder not in self.names:
                there = Path(folder)
                self.names[folder] = set()
                if there.is_dir():
                    self.names[folder] = {file.name for file in there.iterdir()}
                else:
                    self.gone.add(folder)
        return name in self.names[folder]
