"""How freed memory is kept for the next tensor."""

from __future__ import annotations

import ctypes
import os
import sys

TUNABLES = {
    # No block is mapped, and none given back unasked.
    "mmap_max": "0",
    "trim_threshold": str(2**31 - 1),
    # Scraps of what was aligned join their neighbours again, which then fit once more.
    "tcache_count": "0",
    "mxfast": "0",
}
"""Of glibc's malloc; read once, when a program starts."""
VARIABLE = "GLIBC_TUNABLES"


def keep_freed_memory() -> None:
    """Start this program again, if need be, so that malloc keeps what is freed.

    By default every block above 32 MB is asked of the system again, which maps and
    clears it page by page: for the tensors of a large window that takes nearly as long
    as the convolution that fills them. Without glibc (macOS, musl) nothing happens.
    To be called first of all: what was done before is done twice.
    """
    if not _has_glibc() or not sys.executable:
        return
    ours = ":".join(f"glibc.malloc.{name}={value}" for name, value in TUNABLES.items())
    given = os.environ.get(VARIABLE, "")
    if ours in given:
        return
    # The last one counts: the user's own.
    os.environ[VARIABLE] = f"{ours}:{given}" if given else ours
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def give_back_freed_memory() -> None:
    """Hand all that was freed back to the system.

    Kept blocks leave holes between each other that later ones do not fit into; over
    several windows they add up to more than a window needs.
    """
    if _has_glibc():
        ctypes.CDLL(None).malloc_trim(0)


def _has_glibc() -> bool:
    return "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {})
