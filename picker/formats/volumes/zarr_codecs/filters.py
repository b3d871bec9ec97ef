"""Filters that a chunk's numbers went through before they were compressed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numcodecs
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

FILTERS = (
    *("astype", "bitround", "delta", "fixedscaleoffset", "packbits", "quantize"),
    "shuffle",
)
"""The filters that are accepted."""
DTYPE_OPTIONS = ("dtype", "astype", "encode_dtype", "decode_dtype")
"""Options of a filter that name a type of numbers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """One filter, as the array's metadata name it.

    Attributes
    ----------
    name
        One of `FILTERS`.
    options
        Its settings.
    """

    name: str
    options: Mapping[str, Any]

    def size_after(self, voxels: int, size: int) -> int:
        """Return the size of a chunk after the filter [bytes].

        Parameters
        ----------
        voxels
            Of the chunk.
        size
            Of the chunk before the filter [bytes].
        """
        encoded = self.options.get("astype") or self.options.get("encode_dtype")
        if self.name == "packbits":
            return 1 + math.ceil(voxels / 8)
        if encoded:
            itemsize: int = np.dtype(encoded).itemsize
            return voxels * itemsize
        return size

    def undone(self, content: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
        """Return a chunk's bytes before the filter.

        Parameters
        ----------
        content
            Its bytes after the filter.
        size
            The number of bytes before it.

        Raises
        ------
        ValueError
            If it makes another number of bytes. The decoders raise other errors.
        """
        codec = numcodecs.get_codec({"id": self.name, **self.options})
        # Writers do not fill the memory beyond the array's end.
        with np.errstate(all="ignore"):
            numbers = codec.decode(content)
        before = np.asarray(numbers).reshape(-1).view(np.uint8)
        # Each may make eight bytes of one: a chain of them would fill the memory.
        if len(before) != size:
            raise ValueError(
                f"its filter {self.name} makes {len(before)} bytes, expected {size}"
            )
        return before
