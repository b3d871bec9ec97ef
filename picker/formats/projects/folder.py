"""Tomograms that are all files of a pattern, as they arrive.

Loaded while the workflow is planned, so without NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.formats.projects.patterns import files_of, named_files
from picker.formats.projects.rows import Found, age_of

if TYPE_CHECKING:
    from picker.config import FolderSettings


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
        If no file is of the pattern, or two halves or masks are of one tomogram.
    """
    even, odd, mask = map(named_files, (settings.even, settings.odd, settings.mask))
    besides = {*even.values(), *odd.values(), *mask.values()}
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
    return [
        Found(
            name=name,
            path=path,
            even=even.get(name),
            odd=odd.get(name),
            mask=mask.get(name),
            waits=age_of([path, even.get(name), odd.get(name), mask.get(name)], settle),
        )
        for path, name in volumes
    ]
