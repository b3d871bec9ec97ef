"""Stamps of files: a replaced file is noticed by size and time, without reading it."""

from __future__ import annotations

import os
import zlib
from stat import S_ISDIR
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

ZARR_METADATA = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
"""Names of the files of metadata, one of which each Zarr folder has."""


def file_stamp(path: Path) -> tuple[int, int]:
    """Return size [bytes] and modification time [ns], which a replaced file changes.

    For a Zarr folder these are a checksum of the times of its metadata and of all
    folders in it, and the newest of them. A chunk that is replaced, as Zarr's libraries
    do it, changes its folder's time; one that is overwritten in place is not noticed,
    for chunks are too many to look at whenever the workflow is loaded. Any other
    folder, which is no volume and may be a whole disk, has its own size and time.
    """
    stat = path.stat()
    # Asked first, as most are files: a question less for each of four names.
    if not S_ISDIR(stat.st_mode) or not is_zarr(path):
        return stat.st_size, stat.st_mtime_ns
    times = [(".", stat.st_mtime_ns)]
    folders = [str(path)]
    for folder in folders:  # grows meanwhile
        with os.scandir(folder) as entries:
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder:
                    folders.append(entry.path)
                if is_folder or entry.name in ZARR_METADATA:
                    times.append((entry.path, entry.stat().st_mtime_ns))
    return zlib.crc32(str(sorted(times)).encode()), max(time for _, time in times)


def is_zarr(path: Path) -> bool:
    """Return whether a path is a folder with Zarr metadata."""
    return any((path / name).is_file() for name in ZARR_METADATA)
