"""A small machine, for the tests of readers."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def little_memory(room):
    """Let this process have so many bytes more than it has, and no more.

    Nothing gentler does: tracemalloc and the threads that decode chunks crash CPython.
    """
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = pages * resource.getpagesize() + room
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
