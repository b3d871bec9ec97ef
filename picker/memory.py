"""How freed memory is kept for the next tensor."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of glibc's mallopt, from its malloc.h."""


def keep_freed_memory() -> None:
    """Let malloc keep what is freed instead of giving it back to the system.

    By default every block above 32 MB is asked of the system anew, which maps and
    clears it page by page: for the tensors of a large window that takes nearly as long
    as the convolution that fills them. Without glibc (macOS, musl) nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
