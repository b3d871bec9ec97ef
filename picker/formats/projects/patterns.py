"""Patterns of files: which files there are, and which tomogram each is of.

Loaded while the workflow is planned, so without NumPy.
"""

from __future__ import annotations

import re
from pathlib import Path

from picker.config import tomogram_of_file
from picker.config.sources import NAME

SIGNS = {"*": "[^/]*", "?": "[^/]", "**/": "(?:[^/]+/)*"}
"""What the signs of a pattern stand for."""
SIGN = re.compile(r"(\{name\}|\*\*/|\*|\?)")


def files_of(pattern: str) -> dict[Path, str]:
    """Return the files of a pattern, sorted, each with its tomogram's name.

    Parameters
    ----------
    pattern
        A path with `*`, `?`, `**` and `~`. The name is what stands for `{name}`, the
        same wherever it stands; without it the file's own, without endings.
    """
    whole = Path(pattern).expanduser()
    num_fixed = next(i for i, part in enumerate(whole.parts) if SIGN.search(part))
    start = Path(*whole.parts[:num_fixed])
    # Brackets are characters of names here: nobody writes sets of them for tomograms.
    wanted = re.sub(
        r"([\[\]])", r"[\1]", str(whole.relative_to(start)).replace(NAME, "*")
    )
    matches = _expression(str(whole))
    found = {}
    for path in sorted(start.glob(wanted)):
        match = matches.fullmatch(str(path))
        if match and not path.name.startswith("."):
            is_named = NAME in pattern
            found[path] = match["name"] if is_named else tomogram_of_file(path.name)
    return found


def named_files(pattern: str | None) -> dict[str, Path]:
    """Return the file of each tomogram, by its name; none without a pattern.

    Raises
    ------
    ValueError
        If two files are of one tomogram.
    """
    found: dict[str, Path] = {}
    for file, name in (files_of(pattern) if pattern else {}).items():
        if name in found:
            raise ValueError(
                f"{found[name]} and {file} are both of tomogram {name}; expected one"
                f" file each, make the pattern {pattern} narrower"
            )
        found[name] = file
    return found


def _expression(pattern: str) -> re.Pattern[str]:
    """Return what a pattern's files match."""
    parts, is_named = [], False
    for part in SIGN.split(pattern):
        if part == NAME:
            parts.append("(?P=name)" if is_named else "(?P<name>[^/]+)")
            is_named = True
        else:
            parts.append(SIGNS.get(part, re.escape(part)))
    return re.compile("".join(parts))
