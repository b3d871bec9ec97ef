"""Names for files in place of names that users or other programs gave."""

from __future__ import annotations

import logging

from picker.config import safe_name

logger = logging.getLogger(__name__)


class FileNames:
    """Names for the files of tomograms or of particles, one for each name they have.

    Attributes
    ----------
    what
        What is named, for messages: "tomogram" or "particle".
    original
        Name for files: the name that it stands for.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.original: dict[str, str] = {}

    def add(self, name: str) -> str:
        """Return a name's name for files, the same one each time.

        Raises
        ------
        ValueError
            If nothing of the name can be used, or another name's is the same.
        """
        safe = safe_name(name)
        if safe not in self.original and safe != name:
            logger.warning(
                "warning: %s %r is called %s in the names of files",
                *(self.what, name, safe),
            )
        other = self.original.setdefault(safe, name)
        if other != name:
            raise ValueError(
                f"{self.what}s {other!r} and {name!r} would both be called {safe} in"
                " the names of files; rename one, or convert them apart"
            )
        return safe
