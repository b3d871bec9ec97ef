"""Tomograms that are all files of a pattern, as they arrive.

Loaded while the workflow is planned, so without NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from picker.formats.projects.patterns import files_of, named_files
from picker.formats.projects.rows import Found, age_of

if TYPE_CHECKING:
    from picker.config import FolderSettings

BESIDE = ("even", "odd", "mask", "membranes")
"""Patterns of files that belong to a tomogram."""


def folder_tomograms(settings: FolderSettings, settle: float) -> list[Found]:
    """Return the tomograms of a pattern of files, sorted by their paths.

    Parameters
    ----------
    settings
        The patterns.
    settle
        Seconds for which a file must not have changed.

    Raises
    ------
    ValueError
        If no file is of the pattern, or two of another pattern are of one tomogram.
    """
    beside = {name: named_files(getattr(settings, name)) for name in BESIDE}
    besides = {file for files in beside.values() for file in files.values()}
    volumes = [
        (path, name)
        for path, name in files_of(settings.files).items()
        if path not in besides
    ]
    if not volumes:
        raise ValueError(
            f"no file is of the pattern {settings.files}; expected volumes there, check"
            " tomograms.folder.files"
        )
    found = []
    for path, name in volumes:
        others: dict[str, Any] = {kind: of.get(name) for kind, of in beside.items()}
        waits = age_of([path, *others.values()], settle)
        found.append(Found(name=name, path=path, **others, waits=waits))
    return found
