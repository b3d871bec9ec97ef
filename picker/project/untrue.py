"""Manifests held against the disk: which of them no longer say what is so."""

from __future__ import annotations

import json
import os
import shlex
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from picker.core.whole import checked_file
from picker.project.manifests import FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

AT_A_TIME = 16
"""Manifests that are held against the disk at a time: file servers answer slowly."""
METADATA = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
MADE = {"preprocessed": "volume", "predicted": "candidates", "picked": "picks"}
"""State: the field that has what was made."""


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
            said = json.loads(checked_file(manifest, "a manifest").read_text())
            # Validating thousands of entries would take longer than all else here.
            entries = said["tomograms"]
            return (
                said["format"] == FORMAT
                and not any(
                    entry.get("retry") or self.replaced(_stamps(entry), written)
                    for entry in entries
                )
                and all(self.has(file) for entry in entries for file in _files(entry))
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


def _files(entry: Mapping[str, Any]) -> list[str]:
    """Return the files that must be there, of an entry as its JSON has it."""
    if entry["state"] == "failed":
        return []
    before = entry.get("preprocessed", entry)
    named = (entry[MADE[entry["state"]]], before["labels"], before["mask"])
    return [path for path in named if path]


def _stamps(entry: Mapping[str, Any]) -> dict[str, list[int]]:
    """Return the stamps of what an entry, as its JSON has it, was made from."""
    stamps: dict[str, list[int]] = (entry.get("preprocessed") or entry)["stamps"]
    return stamps
