"""Files of another program's picks, and whose picks each of them has."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from picker.config import known_as, tomogram_of_file
from picker.formats.picks import copick, motive_lists, peet
from picker.formats.picks.copick_layout import object_name
from picker.formats.picks.known import read_known_picks
from picker.formats.picks.read import beside, read_coordinates
from picker.project.imported import files_of
from picker.project.records import Failed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from picker.config import Particle, TomogramRow
    from picker.core.picks import Picks
    from picker.project.records import Preprocessed

logger = logging.getLogger("picker")


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportedFiles:
    """Another program's files, with what their rows say they are of.

    Attributes
    ----------
    root
        The file, or the folder with all of them.
    particles
        The classes; a file may be named after one.
    tomograms
        File: the tomograms that its rows name; None if they name none.
    unreadable
        File: why it cannot be read. Its name tells whose picks it has.
    """

    root: Path
    particles: tuple[Particle, ...]
    tomograms: Mapping[Path, tuple[str, ...] | None]
    unreadable: Mapping[Path, str]

    def files_with(self, entry: Preprocessed) -> list[Path]:
        """Return the files that have picks of a tomogram, by their rows or names.

        Raises
        ------
        ValueError
            If one of them cannot be read.
        """
        names = names_of(entry)
        for file, reason in self.unreadable.items():
            if self._is_named_after(file, names):
                raise ValueError(reason)
        return [file for file in self.tomograms if self._is_of(file, names)]

    def files_and_beside(self, entry: Preprocessed) -> list[Path]:
        """Return those files with all that is read beside them; errors as before."""
        files = self.files_with(entry)
        return [one for file in files for one in (file, *beside(file)) if one.is_file()]

    def refuse_nobodys(self, tomograms: Iterable[Sequence[str]]) -> None:
        """Check that the name of what cannot be read is that of a tomogram.

        Parameters
        ----------
        tomograms
            The names of each that there is.

        Raises
        ------
        ValueError
            If not: it may have picks of all.
        """
        known = list(tomograms)
        for file, reason in self.unreadable.items():
            if not any(self._is_named_after(file, names) for names in known):
                raise ValueError(
                    f"{reason}. The name {file.name} is no tomogram's, so that it may"
                    " have picks of any: expected a file that can be read, or another"
                    " folder for what is no picks"
                )

    def _is_of(self, file: Path, names: Sequence[str]) -> bool:
        """Return whether a file has picks of a tomogram: its rows, or name, say so."""
        if named := self.tomograms[file]:
            return known_as(names, named, file) is not None
        return self._is_named_after(file, names)

    def _is_named_after(self, file: Path, names: Sequence[str]) -> bool:
        """Return whether a file's name is a tomogram's, or a folder's within the root.

        Alone or with a class's name behind it.
        """
        if file == self.root:  # a file for one tomogram may be named after anything
            folders: tuple[str, ...] = ()
        else:
            folders = file.relative_to(self.root).parent.parts
        if any(known_as(names, [folder], file) for folder in folders):
            return True
        classes = [
            name
            for p in self.particles
            for name in (p.name, p.own_name, object_name(p.name))
        ]
        stem = tomogram_of_file(file.name)
        bare = {re.sub(rf"[_.-]{re.escape(name)}$", "", stem) for name in classes}
        return any(known_as(names, [one], file) for one in (stem, *bare))


def names_of(entry: Preprocessed | Failed | TomogramRow) -> list[str]:
    """Return a tomogram's names in files of other programs, its own one last."""
    called = None if isinstance(entry, Failed) else entry.called
    return [name for name in (called, entry.tomogram) if name]


def imported_files(path: Path, particles: tuple[Particle, ...]) -> ImportedFiles:
    """Return a file, or those of a folder; each is read once.

    Raises
    ------
    ValueError
        If a file that is given alone cannot be read, or a folder has none.
    """
    tomograms: dict[Path, tuple[str, ...] | None] = {}
    unreadable: dict[Path, str] = {}
    for file in files_of(path):
        try:
            if _is_part_of_another(file, path):
                continue
            names = read_coordinates(file).tomogram
        except (ValueError, OSError) as error:
            if file == path:
                raise
            unreadable[file] = str(error)
            continue
        tomograms[file] = tuple(dict.fromkeys(names)) if names else None
    if not tomograms and not unreadable:
        raise ValueError(
            f"{path} has no file of picks; expected some in it, fix the path"
        )
    return ImportedFiles(
        root=path, particles=particles, tomograms=tomograms, unreadable=unreadable
    )


def _is_part_of_another(file: Path, root: Path) -> bool:
    """Return whether a folder's file is no file of picks of its own.

    A volume, copick's configuration, PEET's list beside its model, or RELION 5's import
    of the same picks as in the file beside it.
    """
    if file == root:
        return False
    if file.name == copick.CONFIG:
        return True
    if file.suffix == ".em":
        with file.open("rb") as opened:
            start = opened.read(motive_lists.START_BYTES)
        return not motive_lists.is_av3(start)
    if file.suffix == ".csv":
        models = peet.models(file)
        return any(model.is_file() for model in models) and peet.is_motive_list(file)
    return any(
        folder.parent.name == "import"
        and (folder / "index.star").is_file()
        and (folder.parent.parent / f"{folder.name}.star").is_file()
        for folder in file.parents
        if folder != root and folder.is_relative_to(root)
    )


def imported_picks(imported: ImportedFiles, entry: Preprocessed) -> Picks | None:
    """Return another program's picks of a tomogram; None if no file is of it.

    Scores, which may be of any size, become numbers between 0 and 1 of the same order.

    Raises
    ------
    ValueError
        If a file cannot be read, or has other classes.
    """
    files = imported.files_with(entry)
    if not files:
        return None
    picks, warnings = read_known_picks(
        files,
        entry.tomogram,
        imported.particles,
        entry.source_voxel_size,
        entry.source_shape_zyx,
        entry.tilt_pixel_size,
        "drop",
        "points",
        entry.called,
    )
    for warning in warnings:
        logger.warning("warning: %s", warning)
    own = picks.score.astype(np.float64)
    score = 0.5 + 0.5 * own / (1 + np.abs(own))
    return replace(picks, score=score.astype(np.float32))
