"""Which manifests are stale: they no longer agree with the files on the disk."""

from __future__ import annotations

import os
import shlex
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from picker.core.stamps import file_stamp
from picker.project.manifests import plain_entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

AT_A_TIME = 16
"""Manifests that are compared with the disk at a time: file servers answer slowly."""
MADE = {
    "preprocessed": "volume",
    "detected": "detections",
    "predicted": "candidates",
    "picked": "picks",
}
"""For each state, the field that names the file it made."""


def stale_manifests(manifests: Iterable[Path]) -> list[Path]:
    """Return the manifests that no longer agree with the disk; their shards run again.

    A manifest is stale if a file that it names is gone, if a file it was made from was
    replaced (even by an older one) or changed deep inside a Zarr folder, or if a
    tomogram failed for a reason that may have passed, such as a disk that did not
    answer. A shard's per-tomogram files are not declared to the workflow, which would
    delete all of them to make one again; so the manifest must not outlive them.

    Raises
    ------
    FileNotFoundError
        If a whole folder of such files is gone, as when its disk is not mounted: that
        is no reason to compute everything again.
    """
    disk = _Disk()
    there = [manifest for manifest in manifests if manifest.exists()]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        stale = [
            manifest
            for manifest, is_true in zip(
                there, pool.map(disk.agrees, there), strict=True
            )
            if not is_true
        ]
    if disk.gone:
        gone = " and ".join(sorted(disk.gone))
        raise FileNotFoundError(
            f"the folder {gone} is gone; manifests name files in it. If it is on a disk"
            " that is not mounted, mount it. If it was deleted for good: mkdir -p"
            f" {' '.join(map(shlex.quote, sorted(disk.gone)))}, and its files are made"
            " again"
        )
    return stale


class _Disk:
    """What is on the disk; slow file systems are asked for nothing twice."""

    def __init__(self) -> None:
        self.names: dict[str, set[str]] = {}
        self.gone: set[str] = set()
        self.listing = Lock()
        # Manifests of several stages name one file; a Path of each would cost more.
        self.stamp = cache(lambda file: file_stamp(Path(file)))

    def agrees(self, manifest: Path) -> bool:
        """Return whether a manifest agrees with the disk."""
        try:
            written = manifest.stat().st_mtime_ns
            # Validating thousands of entries would take longer than all else here.
            return not any(
                entry.get("retry")
                or self.replaced(_stamps(entry), written)
                or not all(map(self.has, _files(entry)))
                for entry in plain_entries(manifest)
            )
        except (
            *(OSError, ValueError, KeyError, TypeError, AttributeError),
            RecursionError,
        ):
            return False

    def replaced(self, stamps: dict[str, list[int]], written: int) -> bool:
        """Return whether a file changed, and looks older than the manifest [ns].

        The workflow sees newer files itself, and knows better what follows from them.
        Of a folder it sees the outermost time alone, which a change deeper inside does
        not touch.
        """
        return any(
            self.stamp(file) != tuple(before)
            and Path(file).stat().st_mtime_ns <= written
            for file, before in stamps.items()
        )

    def has(self, path: str) -> bool:
        """Return whether a file exists; its folder is listed once."""
        folder, name = os.path.split(path)  # six times as fast as Path
        if folder not in self.names:
            with self.listing:
                self._list(folder)
        return name in self.names[folder]

    def _list(self, folder: str) -> None:
        """Ask for the names in a folder, unless another thread just did."""
        if folder in self.names:
            return
        there = Path(folder)
        if there.is_dir():
            self.names[folder] = {file.name for file in there.iterdir()}
        else:
            self.gone.add(folder)
            self.names[folder] = set()


def _files(entry: Mapping[str, Any]) -> list[str]:
    """Return the files that must exist, from an entry as its JSON has it."""
    if entry["state"] == "failed":
        return []
    before = entry.get("preprocessed", entry)
    kept = (before["labels"], before["mask"], before.get("noise"))
    return [path for path in (entry[MADE[entry["state"]]], *kept) if path]


def _stamps(entry: Mapping[str, Any]) -> dict[str, list[int]]:
    """Return the stamps of an entry's sources, from the entry as its JSON has it."""
    stamps: dict[str, list[int]] = (entry.get("preprocessed") or entry)["stamps"]
    return stamps
