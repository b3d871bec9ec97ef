"""Fingerprints: short texts that identify what a result was made from."""

from __future__ import annotations

import hashlib


def fingerprint(*parts: object) -> str:
    """Return a digest, 32 hex digits, of bytes and of values by their text."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else str(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:32]
