"""A short text that stands for what something was made from."""

from __future__ import annotations

import hashlib


def fingerprint(*parts: object) -> str:
    """Return a short digest of anything with a faithful text."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else str(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:32]
