"""Names: which tomogram a file's name means, and names that are safe for files."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from picker.config.base import checked_name

if TYPE_CHECKING:
    from collections.abc import Iterable

VOLUME_ENDINGS = (
    *(".tomostar", ".mrc", ".mrcs", ".map", ".rec", ".st", ".ali"),
    *(".em", ".hdf", ".h5", ".hdf5", ".zarr"),
)
"""Endings of files that hold a tomogram or its tilt series."""
PICKS_ENDINGS = (
    *(".star", ".json", ".csv", ".tsv", ".txt", ".ndjson", ".mod", ".tbl"),
    *(".coords", ".cbox", ".box"),
    *("_particles", "_info", "_pick"),  # of pytom-match-pick, EMAN2, ours for RELION
    *("_autopick", "_manualpick"),  # of RELION in micrographs
)
VOXEL_SIZE = re.compile(r"(?<=.)_\d+(\.\d+)?Apx$")
"""What Warp writes after a tomogram's name, as in TS_01_10.00Apx.mrc."""
MAPPED = re.compile(r"[^A-Za-z0-9._-]")
"""Characters of a name that become '_' in the names of files."""
USABLE = re.compile(r"[\w .,+#()=:-]+")
"""What the name of a tomogram or particle may have."""


def tomogram_name(text: str) -> str:
    """Return a tomogram's name from a volume's: without endings and voxel size.

    `TS_01.tomostar`, `TS_01.mrc.tomostar` and `TS_01_10.00Apx.mrc` are TS_01.
    """
    return VOXEL_SIZE.sub("", _without(text, VOLUME_ENDINGS))


def tomogram_of_file(name: str) -> str:
    """Return a tomogram's name from that of a volume or a file of picks."""
    return tomogram_name(_without(name, (*PICKS_ENDINGS, *VOLUME_ENDINGS)))


def _without(text: str, endings: tuple[str, ...]) -> str:
    """Return a name without endings, in any case; it never becomes empty."""
    while end := next(
        (e for e in endings if text.lower().endswith(e) and len(text) > len(e)), ""
    ):
        text = text[: -len(end)]
    return text


def safe_name(name: str) -> str:
    """Return a name for files: all but letters, digits, '.', '_' and '-' becomes '_'.

    Signs at the beginning are left out: `Position 4` becomes Position_4, and `_rec1`
    rec1. A safe name stays as it is.

    Raises
    ------
    ValueError
        If nothing is left, or the name has characters that no tomogram or particle may
        have: separators of paths, quotes, signs that shells interpret.
    """
    safe = MAPPED.sub("_", name).lstrip("._-") if USABLE.fullmatch(name) else ""
    return checked_name(safe or name)


def with_safe_name(values: object, key: str) -> object:
    """Return the values of a row or section with a safe name in place of the user's.

    The user's own name becomes `called`. What is no name stays as it is, for the check
    of names to refuse.
    """
    if not isinstance(values, dict) or not isinstance(values.get(key), str):
        return values
    own = values[key]
    try:
        safe = safe_name(own)
    except ValueError:
        return values
    if safe == own:
        return values
    return {**values, key: safe, "called": values.get("called") or own}


def known_as(names: Iterable[str], known: Iterable[str], source: object) -> str | None:
    """Return which of a file's names is that of a tomogram; None if none is.

    Parameters
    ----------
    names
        The tomogram's names, the preferred one first. They are compared letter for
        letter, and if none is equal, without endings and as safe names.
    known
        Names in a file.
    source
        That file, for messages.

    Raises
    ------
    ValueError
        If several may be that of the tomogram.
    """
    wanted, candidates = list(names), dict.fromkeys(known)
    for name in wanted:
        if name in candidates:
            return name
    keys = {_key(name) for name in wanted}
    alike = [name for name in candidates if _key(name) in keys]
    if len(alike) > 1:
        raise ValueError(
            f"{source}: tomogram {wanted[0]} may be {' or '.join(alike)}; expected one"
            " of them, use that name letter for letter"
        )
    return alike[0] if alike else None


# Each of a file's names is compared with each tomogram's.
@lru_cache(maxsize=1 << 16)
def _key(name: str) -> str:
    """Return a text that is equal for all names of one tomogram."""
    bare = tomogram_name(name)
    try:
        return safe_name(bare)
    except ValueError:
        return bare
