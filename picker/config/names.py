"""Names: what a tomogram's is in the name of a file, and what is safe as one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from picker.config.base import checked_name

if TYPE_CHECKING:
    from collections.abc import Iterable

VOLUME_ENDINGS = (
    *(".tomostar", ".mrc", ".mrcs", ".map", ".rec", ".st", ".ali"),
    *(".em", ".hdf", ".h5", ".hdf5", ".zarr"),
)
"""Of files that a tomogram, or its tilt series, is kept in."""
PICKS_ENDINGS = (
    *(".star", ".json", ".csv", ".tsv", ".txt", ".ndjson", ".mod", ".tbl"),
    *(".coords", ".cbox"),
    *("_particles", "_info", "_pick"),  # of pytom-match-pick, EMAN2, ours for RELION
)
VOXEL_SIZE = re.compile(r"(?<=.)_\d+(\.\d+)?Apx$")
"""What Warp puts behind a tomogram's name, as in TS_01_10.00Apx.mrc."""
MAPPED = re.compile(r"[^A-Za-z0-9._-]")
USABLE = re.compile(r"[\w .,+#()=:-]+")


def tomogram_name(text: str) -> str:
    """Return the tomogram that a volume's name means: without endings and voxel size.

    `TS_01.tomostar`, `TS_01.mrc.tomostar` and `TS_01_10.00Apx.mrc` are TS_01.
    """
    return VOXEL_SIZE.sub("", _without(text, VOLUME_ENDINGS))


def tomogram_of_file(name: str) -> str:
    """Return the tomogram that the name of a volume or a file of picks means."""
    return tomogram_name(_without(name, (*PICKS_ENDINGS, *VOLUME_ENDINGS)))


def _without(text: str, endings: tuple[str, ...]) -> str:
    """Return a name without endings, in capitals too; something is left."""
    while end := next(
        (e for e in endings if text.lower().endswith(e) and len(text) > len(e)), ""
    ):
        text = text[: -len(end)]
    return text


def safe_name(name: str) -> str:
    """Return a name for files: all but letters, digits, '.', '_' and '-' becomes '_'.

    Signs at the beginning are left out, so that `Position 4` is Position_4 and `_rec1`
    is rec1. A safe name stays as it is.

    Raises
    ------
    ValueError
        If nothing is left, or it has characters that no name of a tomogram or particle
        has any business with: separators of paths, quotes, those that shells know.
    """
    safe = MAPPED.sub("_", name).lstrip("._-") if USABLE.fullmatch(name) else ""
    return checked_name(safe or name)


def with_safe_name(values: object, key: str) -> object:
    """Return a row's or section's values with a safe name, the user's own as `called`.

    What is no name stays, for the check of names to refuse.
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
    """Return which of the known names a tomogram has; None if it has none of them.

    Parameters
    ----------
    names
        What the tomogram is called, the first before the others: letter for letter,
        else without endings and as a safe name.
    known
        Names in a file.
    source
        That file, for messages.

    Raises
    ------
    ValueError
        If it may be several of them.
    """
    wanted, there = list(names), dict.fromkeys(known)
    for name in wanted:
        if name in there:
            return name
    keys = {_key(name) for name in wanted}
    alike = [name for name in there if _key(name) in keys]
    if len(alike) > 1:
        raise ValueError(
            f"{source}: tomogram {wanted[0]} may be {' or '.join(alike)}; expected one"
            " of them, name it letter for letter"
        )
    return alike[0] if alike else None


def _key(name: str) -> str:
    """Return what two names of one tomogram have in common."""
    bare = tomogram_name(name)
    try:
        return safe_name(bare)
    except ValueError:
        return bare
