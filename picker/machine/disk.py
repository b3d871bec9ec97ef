"""What the disk is asked for before it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = 2**20
"""Bytes that are read at once."""


def read_into_cache(path: Path) -> None:
    """Read a file, or all files of a folder, for the system's cache alone.

    The cache takes none of this program's memory, and makes way for what does.

    Raises
    ------
    OSError
        If something cannot be read.
    """
    block = bytearray(BLOCK)
    for one in path.rglob("*") if path.is_dir() else [path]:
        if one.is_file():
            with one.open("rb", buffering=0) as file:
                while file.readinto(block):
                    pass
