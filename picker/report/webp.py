"""Gray pictures as WebP files, of a quality or of a size."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

QUALITIES = (45, 25, 10, 1)
"""Tried one after the other until a file is small enough."""
METHOD = 4
"""Of the encoder, in 0..6: slower ones save little."""


def webp(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """Return `(rows, columns)` gray levels as a WebP file.

    Parameters
    ----------
    pixels
        0 is black.
    quality
        In 0..100.
    """
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", quality=quality, method=METHOD)
    return file.getvalue()


def small_webp(pixels: NDArray[np.uint8], max_bytes: int) -> bytes:
    """Return a WebP of gray pixels, of the best quality that is small enough.

    The poorest one if none is.
    """
    data = b""
    for quality in QUALITIES:
        data = webp(pixels, quality)
        if len(data) <= max_bytes:
            break
    return data
