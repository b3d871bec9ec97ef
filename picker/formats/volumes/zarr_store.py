"""A Zarr folder: its metadata files, which may be damaged, and its chunks."""

from __future__ import annotations

import lzma
import zlib
from typing import TYPE_CHECKING, Any, TypeVar

from zarr.storage import LocalStore

from picker.core.stamps import ZARR_METADATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import zarr

Read = TypeVar("Read")

ALL_METADATA = (*ZARR_METADATA, ".zmetadata")
MAX_METADATA_BYTES = 10_000_000
"""Largest file of metadata; parsed, it takes thirty times as much memory."""
DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    FileNotFoundError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    zlib.error,
)
"""What zarr and its decoders raise at damaged content; not what a failing disk does."""


class WholeStore(LocalStore):
    """A folder whose chunks are all there; zarr reads a missing one as zeros."""

    async def get(self, key: str, *arguments: Any, **keywords: Any) -> Any:
        """Return a file's content, None if it is missing metadata.

        Raises
        ------
        ValueError
            If it is a missing chunk.
        """
        content = await super().get(key, *arguments, **keywords)
        if content is None and key.rpartition("/")[2] not in ALL_METADATA:
            raise ValueError(
                f"chunk {self.root / key} is missing, which was there; run again, so"
                " that its volume is made again"
            )
        return content


def check_metadata_files(folder: Path) -> None:
    """Refuse metadata that are no files, or too large to parse.

    Reading a pipe would never end.

    Raises
    ------
    ValueError
        If one of a folder's files of metadata is so.
    """
    for file in (folder / name for name in ALL_METADATA):
        if file.exists() and not file.is_file():
            raise ValueError(f"{file} is not a file; expected Zarr metadata, fix it")
        if file.exists() and (size := file.stat().st_size) > MAX_METADATA_BYTES:
            raise ValueError(
                f"{file} has {size} bytes; expected Zarr metadata, of"
                f" {MAX_METADATA_BYTES} at most: copy it again, or write the volume to"
                " a store of its own"
            )


def read_metadata(path: Path, read: Callable[[], Read]) -> Read:
    """Return what zarr reads of a folder's metadata.

    Parameters
    ----------
    path
        The folder, for the message.
    read
        Calls zarr, which raises many kinds of errors at damaged metadata.

    Raises
    ------
    ValueError
        If they are damaged.
    """
    try:
        return read()
    except DAMAGE as error:
        raise ValueError(
            f"Zarr metadata of {path} cannot be read ({error}); copy it again"
        ) from error


def array_folder(array: zarr.Array[Any]) -> Path:
    """Return the folder in which an array of a `WholeStore` lies."""
    store = array.store_path.store
    assert isinstance(store, LocalStore)
    return store.root / array.path
