"""Memory that is not needed: kept for the next tensor, or given back to the system."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys

TUNABLES = {
    # No block is mapped, and none is given back unless asked for.
    "mmap_max": "0",
    "trim_threshold": str(2**31 - 1),
    # Pieces cut off by alignment join their neighbours again, which then fit a tensor.
    "tcache_count": "0",
    "mxfast": "0",
}
"""Settings of glibc's malloc, which it reads once, when a program starts."""
VARIABLE = "GLIBC_TUNABLES"


def keep_freed_memory() -> None:
    """Start this program again, unless malloc already keeps what is freed.

    By default malloc takes every block above 32 MB from the system, which maps and
    clears it page by page. For the tensors of a large window that takes nearly as long
    as the convolution that fills them. Without glibc (macOS, musl) nothing happens.
    Call it before anything else: what the program did before is done twice.
    """
    if not _has_glibc() or not sys.executable:
        return
    wanted = ":".join(
        f"glibc.malloc.{name}={value}" for name, value in TUNABLES.items()
    )
    current = os.environ.get(VARIABLE, "")
    if wanted in current:
        return
    # glibc takes the last of several values: the user's own.
    os.environ[VARIABLE] = f"{wanted}:{current}" if current else wanted
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def give_back_freed_memory() -> None:
    """Give all freed memory back to the system.

    Blocks that are kept leave gaps between them that later ones do not fit into; after
    several windows the gaps add up to more than a window needs.
    """
    if _has_glibc():
        ctypes.CDLL(None).malloc_trim(0)


def give_back_mapped_file(array: object) -> None:
    """Give the memory of an array back if it is of a file that is mapped read-only.

    The array stays as it is: the system reads what is asked for again, from its cache
    as long as it has it there.
    """
    if getattr(getattr(array, "flags", None), "writeable", True):
        return
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    if array is not None and hasattr(mmap, "MADV_DONTNEED"):
        array.madvise(mmap.MADV_DONTNEED)


def _has_glibc() -> bool:
    return "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {})
