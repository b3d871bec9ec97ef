"""Folders and names of copick projects and of the Kaggle layout.

Loaded while the workflow is planned, so without NumPy.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from pydantic import ValidationError

from picker.config import CopickSettings, TomogramRow, explained
from picker.config.base import WITH_PICKS
from picker.formats.tables.tsv import check_rows, read_tsv, repeated_name
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

logger = logging.getLogger(__name__)


def find_tomograms(
    settings: CopickSettings, particles: Sequence[str] = ()
) -> tuple[TomogramRow, ...]:
    """Return the tomograms that the splits table names, with their picks.

    Parameters
    ----------
    settings
        The project's folders, and whose picks to read.
    particles
        Classes whose files of picks are wanted; all of them if empty.

    Raises
    ------
    ValueError
        If the table is missing or has errors: a name that occurs twice, a bad split, a
        volume or the picks of a labeled tomogram that do not exist, several files of
        picks of one object, or picks of several users in a split where no user is set.
        The message has up to ten of them.
    """
    rows: list[TomogramRow] = []
    problems = []
    lines: dict[str, tuple[int, str]] = {}
    users: dict[str, dict[str, str]] = {}
    table = settings.splits
    for line, values in read_tsv(
        table, ("tomogram", "split"), ("expected",), "tomograms.copick.splits"
    ):
        name, split = values["tomogram"], values["split"]
        picks, several = _picks(settings, name, split, particles)
        problems += [f"line {line}: tomogram {name} {text}" for text in several]
        if split in WITH_PICKS and not picks:
            files = [file.name for file in _files(settings, name, split)]
            text = f"; none of these files is wanted: {listed(files)}" if files else ""
            problems.append(
                f"line {line}: tomogram {name} is {split} but has no picks; check"
                f" tomograms.copick.picks.{split}{text}"
            )
            continue
        for file in picks:
            user = _parts(file.stem, particles)[0]
            if user:
                example = f"{user} ({name}/Picks/{file.name})"
                users.setdefault(split, {}).setdefault(user, example)
        halves = settings.even_type, settings.odd_type
        even, odd = (_volume(settings, name, kind) for kind in halves)
        try:
            row = TomogramRow.model_validate(
                {
                    "tomogram": name,
                    "path": _volume(settings, name, settings.tomogram_type),
                    "even": even,
                    "odd": odd,
                    "split": split,
                    "picks": picks,
                    "expected": values.get("expected", ""),
                }
            )
        except ValidationError as error:
            text = "; ".join(part.strip() for part in explained(error).splitlines())
            problems.append(f"line {line}: {text}")
            continue
        problems += repeated_name(lines, line, name, row.tomogram)
        kinds = ("tomogram_type", "even_type", "odd_type")
        problems += [
            f"line {line}: {path} does not exist; check tomograms.copick.root,"
            f" voxel_spacing and {kind}"
            for kind, path in zip(kinds, (row.path, *row.halves), strict=False)
            if not path.is_dir()
        ]
        rows.append(row)
    problems += [
        f"the picks of split {split} are of several users: {listed(examples.values())};"
        " some may be a program's: name the users to read, one or a list, in"
        " tomograms.copick.user_id"
        for split, examples in users.items()
        if settings.user_id is None and len(examples) > 1
    ]
    check_rows(table, problems, len(rows))
    return tuple(rows)


def _volume(settings: CopickSettings, name: str, kind: str | None) -> Path | None:
    """Return where a tomogram's volume of a type lies; None without a type."""
    if kind is None:
        return None
    spacing = f"VoxelSpacing{settings.voxel_spacing}"
    folder = settings.root / "ExperimentRuns" / name / spacing
    return folder / f"{kind}.zarr"


def _files(settings: CopickSettings, name: str, split: str) -> list[Path]:
    """Return a tomogram's files of picks in the folder of its split."""
    # A split that does not exist finds no folder; the row then refuses it.
    root = {str(key): value for key, value in settings.picks.items()}.get(split)
    if root is None:
        return []
    return sorted((root / "ExperimentRuns" / name / "Picks").glob("*.json"))


def _picks(
    settings: CopickSettings, name: str, split: str, particles: Sequence[str]
) -> tuple[tuple[Path, ...], list[str]]:
    """Return a tomogram's files of picks in the folder of its split, and problems.

    Each object has one file: of the user and session that are set, if they are. Names
    are enough to plan with; to open each file would take minutes for many tomograms.
    The object inside is checked when the file is read.
    """
    objects: dict[str, list[tuple[str, str, Path]]] = {}
    for file in _files(settings, name, split):
        user, session, object_ = _parts(file.stem, particles)
        if object_:
            objects.setdefault(object_, []).append((user, session, file))
    chosen, problems = [], []
    for object_, files in objects.items():
        # A file without a user in its name, as Kaggle's, is taken for any user.
        wanted = [
            file
            for user, session, file in files
            if _is_chosen(user, settings.user_id)
            and _is_chosen(session, settings.session_id)
        ] or [file for user, _, file in files if not user]
        if len(wanted) > 1:
            problems.append(
                f"has {len(wanted)} files of {object_}"
                f" ({listed(file.name for file in wanted)}); expected one, as several"
                " hold the same picks twice, or a program's: choose with"
                " tomograms.copick.user_id and session_id"
            )
        elif not wanted:
            logger.warning(
                "warning: tomogram %s has picks of %s, but none of the user and session"
                " that are set (%s)",
                *(name, object_, listed(file.name for _, _, file in files)),
            )
        chosen += wanted
    return tuple(sorted(chosen)), problems


def _is_chosen(name: str, chosen: str | tuple[str, ...] | None) -> bool:
    """Return whether a file's user or session is one that is set, if any is."""
    if chosen is None:
        return True
    names = (chosen,) if isinstance(chosen, str) else chosen
    # Copick writes names without underscores.
    return name in {*names, *map(object_name, names)}


def _parts(stem: str, particles: Sequence[str]) -> tuple[str, str, str]:
    """Return user, session and object of a file's name; no object if it is not wanted.

    The name is `<user>_<session>_<object>`, or `<object>` as in Kaggle's layout.
    """
    wanted = {*particles, *(object_name(name) for name in particles)}
    *ids, name = stem.split("_", 2)
    if stem in wanted or len(ids) < 2:
        return "", "", object_name(stem) if not wanted or stem in wanted else ""
    is_wanted = not wanted or name in wanted
    return ids[0], ids[1], object_name(name) if is_wanted else ""


def object_name(particle: str) -> str:
    """Return a particle's name as copick allows it: no underscores, no blanks.

    Source: copick, src/copick/util/escape.py, commit 45ca25b.
    """
    return re.sub(r"[_\s]", "-", particle).strip("-")
