"""Copick projects and the Kaggle layout: picks as JSON, volumes as OME-Zarr."""

from __future__ import annotations

import json
import logging
import math
import re
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from picker.config import CopickSettings, Particle, TomogramRow, explained
from picker.core.files import written_whole
from picker.formats.tables.tsv import check_rows, read_tsv, repeated_name
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from picker.formats.picks.records import TomogramPicks

logger = logging.getLogger(__name__)

IDENTITY = [[float(i == j) for j in range(4)] for i in range(4)]


def find_tomograms(
    settings: CopickSettings, particles: Sequence[str] = ()
) -> tuple[TomogramRow, ...]:
    """Return the tomograms that the splits table names, with their picks.

    Parameters
    ----------
    settings
        Where things are.
    particles
        Classes whose files of picks are wanted; all of them if empty.

    Raises
    ------
    ValueError
        If the table is missing or has errors: a name that stands twice, a bad split, a
        volume or the picks of a labeled tomogram that do not exist, several files of
        picks of one object, or a split's picks of several users of whom none are
        chosen. Up to ten are told at once.
    """
    rows: list[TomogramRow] = []
    problems = []
    lines: dict[str, tuple[int, str]] = {}
    users: dict[str, dict[str, str]] = {}
    table = settings.splits
    for line, values in read_tsv(
        table, ("tomogram", "split"), (), "tomograms.copick.splits"
    ):
        name, split = values["tomogram"], values["split"]
        picks, several = _picks(settings, name, split, particles)
        problems += [f"line {line}: tomogram {name} {text}" for text in several]
        if split in ("labeled", "validation") and not picks:
            there = [file.name for file in _files(settings, name, split)]
            text = f"; of these files none is wanted: {listed(there)}" if there else ""
            problems.append(
                f"line {line}: tomogram {name} is {split} but has no picks; check"
                f" tomograms.copick.picks.{split}{text}"
            )
            continue
        for file in picks:
            user = _parts(file.stem, particles)[0]
            if user:
                said = f"{user} ({name}/Picks/{file.name})"
                users.setdefault(split, {}).setdefault(user, said)
        run = settings.root / "ExperimentRuns" / name
        spacing = run / f"VoxelSpacing{settings.voxel_spacing}"
        volume = spacing / f"{settings.tomogram_type}.zarr"
        try:
            row = TomogramRow.model_validate(
                {"tomogram": name, "path": volume, "split": split, "picks": picks}
            )
        except ValidationError as error:
            text = "; ".join(part.strip() for part in explained(error).splitlines())
            problems.append(f"line {line}: {text}")
            continue
        problems += repeated_name(lines, line, name, row.tomogram)
        if not row.path.is_dir():
            problems.append(
                f"line {line}: {row.path} does not exist; check tomograms.copick.root,"
                " voxel_spacing and tomogram_type"
            )
        rows.append(row)
    problems += [
        f"the picks of split {split} are of several users: {listed(those.values())};"
        " some may be a program's: name whose to read in tomograms.copick.user_id, one"
        " or a list"
        for split, those in users.items()
        if settings.user_id is None and len(those) > 1
    ]
    check_rows(table, problems, len(rows))
    return tuple(rows)


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

    Each object has one file: of the user and session that are set, if they are. The
    names are enough to plan with; opening each file would take minutes for many
    tomograms. The object inside is checked when the file is read.
    """
    objects: dict[str, list[tuple[str, str, Path]]] = {}
    for file in _files(settings, name, split):
        user, session, thing = _parts(file.stem, particles)
        if thing:
            objects.setdefault(thing, []).append((user, session, file))
    chosen, problems = [], []
    for thing, files in objects.items():
        # A file that says no user, as Kaggle's, is anybody's.
        mine = [
            file
            for user, session, file in files
            if _is_chosen(user, settings.user_id)
            and _is_chosen(session, settings.session_id)
        ] or [file for user, _, file in files if not user]
        if len(mine) > 1:
            problems.append(
                f"has {len(mine)} files of {thing}"
                f" ({listed(file.name for file in mine)}); expected one, for its picks"
                " would be there twice or be a program's: choose with"
                " tomograms.copick.user_id and session_id"
            )
        elif not mine:
            logger.warning(
                "warning: tomogram %s has picks of %s, but none of the user and session"
                " that are set (%s)",
                *(name, thing, listed(file.name for _, _, file in files)),
            )
        chosen += mine
    return tuple(sorted(chosen)), problems


def _is_chosen(there: str, wanted: str | tuple[str, ...] | None) -> bool:
    if wanted is None:
        return True
    names = (wanted,) if isinstance(wanted, str) else wanted
    # Copick writes names without underscores.
    return there in {*names, *map(object_name, names)}


def _parts(stem: str, particles: Sequence[str]) -> tuple[str, str, str]:
    """Return user, session and object of a file's name; no object: it is not wanted.

    It is `<user>_<session>_<object>`, or `<object>` as in Kaggle's layout.
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


def read_picks(path: Path) -> tuple[str, str | None, list[list[float]], list[float]]:
    """Return object, run, `(n, 3)` positions [Å, zyx] and scores of one file.

    A point lies at its location moved by the translation of its `transformation_`,
    where refinements leave their shifts; its rotation is not needed.

    Raises
    ------
    ValueError
        If the file is no copick JSON, its unit is not angstrom, or a position is not
        finite.

    Source: copick 1.31.0, src/copick/models.py, `CopickPoint`.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        name = str(content["pickable_object_name"])
        points = content["points"] or []
        positions = [_position(point) for point in points]
        given = [point.get("score") for point in points]
        scores = [1.0 if score is None else float(score) for score in given]
    except (
        *(KeyError, TypeError, ValueError, AttributeError),
        *(IndexError, OverflowError, RecursionError),
    ) as error:
        raise ValueError(
            f"{path} is no copick picks file ({repr(error)[:200]}); expected"
            " pickable_object_name and points with a location and, if any, a"
            " transformation_ of 4 rows and 4 columns"
        ) from error
    for number, (place, score) in enumerate(zip(positions, scores, strict=True), 1):
        if not all(map(math.isfinite, [*place, score])):
            raise ValueError(
                f"{path}: point {number} is not finite (z, y, x {place}, score"
                f" {score}); expected numbers, fix it"
            )
    unit = content.get("unit", "angstrom")
    if unit != "angstrom":
        raise ValueError(
            f"{path} gives positions in {repr(unit)[:60]}; expected angstrom"
        )
    run = content.get("run_name")
    return name, None if run is None else str(run), positions, scores


def _position(point: dict[str, Any]) -> list[float]:
    """Return where a point lies [Å, zyx]."""
    location = [float(point["location"][axis]) for axis in "xyz"]
    matrix = point.get("transformation_")
    # Copick's own default: none is the identity.
    shift = [0.0] * 3
    if matrix is not None:
        rows = [[float(value) for value in row] for row in matrix]
        if [len(row) for row in rows] != [4] * 4 or rows[3] != [0, 0, 0, 1]:
            raise ValueError(
                f"transformation_ {matrix}; expected 4 x 4, the last row 0, 0, 0, 1"
            )
        shift = [row[3] for row in rows[:3]]
    return [a + b for a, b in zip(location, shift, strict=True)][::-1]


def write_project(
    folder: Path,
    tomograms: Sequence[TomogramPicks],
    particles: Sequence[Particle],
    user_id: str,
    session_id: str,
    root: Path | None = None,
) -> None:
    """Write one JSON a tomogram and class, and a configuration that copick opens.

    Parameters
    ----------
    folder
        Filled: `copick_config.json` and `ExperimentRuns/<tomogram>/Picks/`.
    tomograms
        What to write [Å].
    particles
        Classes; each gets its file, even without picks.
    user_id, session_id
        Part of the files' names; copick allows no underscores, they become dashes.
    root
        Where the folder will lie when copick opens it; None: where it is written.

    Raises
    ------
    ValueError
        If two particles have the same name in copick.
    """
    names = {particle.name: object_name(particle.name) for particle in particles}
    if len(set(names.values())) < len(names):
        raise ValueError(
            f"particles {', '.join(names)} are not told apart by copick, which has no"
            " underscores in names; rename one"
        )
    for ours, theirs in names.items():
        if ours != theirs:
            logger.warning("warning: %s is called %s in copick", ours, theirs)
    for name in names:
        num = sum(not (one.picks.particle == name).any() for one in tomograms)
        if num:
            logger.warning(
                "warning: no picks of %s in %d of %d tomograms; their files have no"
                " points",
                name,
                num,
                len(tomograms),
            )
    user, session = object_name(user_id), object_name(session_id)
    for one in tomograms:
        for particle in particles:
            content = {
                "pickable_object_name": names[particle.name],
                "user_id": user,
                "session_id": session,
                "run_name": one.tomogram,
                "voxel_spacing": one.voxel_size,
                "unit": "angstrom",
                "points": list(_points(one, particle.name)),
                "trust_orientation": False,
            }
            name = f"{user}_{session}_{names[particle.name]}.json"
            picks = folder / "ExperimentRuns" / one.tomogram / "Picks"
            _write_json(picks / name, content)
    config = _config(particles, user, session, root or folder)
    _write_json(folder / "copick_config.json", config)


def _config(
    particles: Sequence[Particle], user: str, session: str, root: Path
) -> dict[str, Any]:
    """Return the configuration of a filesystem project."""
    return {
        "config_type": "filesystem",
        "name": "picks",
        "description": "Picks in angstrom; 0 is the centre of voxel 0.",
        "version": "1.0.0",
        "user_id": user,
        "session_id": session,
        "pickable_objects": [
            {
                "name": object_name(particle.name),
                "is_particle": True,
                "label": label,
                "color": [*bytes.fromhex(particle.color[1:]), 255],
                "radius": particle.radius,
            }
            for label, particle in enumerate(particles, 1)
        ],
        "overlay_root": f"local://{root.resolve()}",
        "overlay_fs_args": {"auto_mkdir": True},
        # No volumes of ours; copick has no default and asks for the key.
        "static_root": None,
        "static_fs_args": {},
    }


def _points(one: TomogramPicks, particle: str) -> Iterator[dict[str, Any]]:
    """Yield the points of one class; orientation unknown, so the identity."""
    mine = one.picks.of(particle)
    for position, score in zip(mine.position_zyx, mine.score, strict=True):
        z, y, x = (float(value) for value in position)
        yield {
            "location": {"x": x, "y": y, "z": z},
            "transformation_": IDENTITY,
            "instance_id": 0,
            "score": float(str(score)),
        }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")
