"""Files of other programs' picks that a vote reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.config.names import PICKS_ENDINGS
from picker.project.exported import PROVENANCE

if TYPE_CHECKING:
    from pathlib import Path

    from picker.config import Config


def files_of(path: Path) -> list[Path]:
    """Return a file, or the files of picks in a folder, in the order of their names.

    In a folder hidden files, those without the ending of a file of picks, and records
    of where exported picks came from are left out. Of files that end on .em, as volumes
    do, their reader tells which are lists of picks.
    """
    if not path.is_dir():
        return [path]
    found = (file for file in path.rglob("*") if file.is_file())
    return sorted(
        file
        for file in found
        if file.name.lower().endswith((*PICKS_ENDINGS, ".em"))
        and file.name != PROVENANCE
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )


def latest_file(path: Path) -> Path:
    """Return the file that changed last; an empty folder or what is missing itself."""
    files = [file for file in files_of(path) if file.is_file()]
    return max(files, key=lambda file: (file.stat().st_mtime_ns, file), default=path)


def refuse_missing_imports(config: Config) -> None:
    """Check that the picks that are to be imported are there.

    Raises
    ------
    FileNotFoundError
        If a file or folder does not exist, or a folder has no file.
    """
    for name, path in config.vote.imported.items():
        if not path.exists() or not files_of(path):
            reason = "has no file of picks" if path.exists() else "does not exist"
            raise FileNotFoundError(
                f"vote.imported.{name} is {path}, which {reason}; expected a file of"
                " picks or a folder with some, fix the path"
            )
