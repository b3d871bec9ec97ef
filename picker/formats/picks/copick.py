"""Copick's JSON of picks, and projects that copick opens."""

from __future__ import annotations

import json
import logging
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from picker.core.files import written_whole
from picker.core.rotations import are_known, reversed_axes
from picker.formats.picks.angles import rotation_from_matrix
from picker.formats.picks.copick_layout import object_name
from picker.formats.picks.records import Coordinates, coordinates_from_xyz
from picker.formats.picks.writing import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from picker.config import Particle
    from picker.formats.picks.records import TomogramPicks

logger = logging.getLogger(__name__)

CONFIG = "copick_config.json"
"""The file that says where a project's parts are."""
IDENTITY = [[float(i == j) for j in range(4)] for i in range(4)]


def read_points(path: Path) -> Coordinates:
    """Return the points of one file [Å], with its object and its run.

    A point lies at its location moved by the translation of its `transformation_`,
    where refinements leave their shifts. The rotation is that matrix's, unless all are
    the identity or the file says that orientations are not to be trusted.

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
        positions = [_position_xyz(point) for point in points]
        turns = [_turn_xyz(point) for point in points]
        written = [point.get("score") for point in points]
        scores = [1.0 if score is None else float(score) for score in written]
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
                f"{path}: point {number} is not finite (x, y, z {place}, score"
                f" {score}); expected numbers, fix it"
            )
    unit = content.get("unit", "angstrom")
    if unit != "angstrom":
        raise ValueError(
            f"{path} gives positions in {repr(unit)[:60]}; expected angstrom; convert"
            " the positions, then fix the unit"
        )
    run = "" if content.get("run_name") is None else str(content["run_name"])
    return coordinates_from_xyz(
        "copick JSON",
        "Å",
        positions,
        score=scores,
        tomogram=[run] * len(positions) if run else None,
        particle=[name] * len(positions),
        rotation=None
        if content.get("trust_orientation") is False
        else rotation_from_matrix(path, np.reshape(turns, (-1, 3, 3)), "point"),
    )


def _position_xyz(point: dict[str, Any]) -> list[float]:
    """Return where a point lies [Å], x, y, z."""
    location = [float(point["location"][axis]) for axis in "xyz"]
    shift = [row[3] for row in _transformation(point)[:3]]
    return [a + b for a, b in zip(location, shift, strict=True)]


def _turn_xyz(point: dict[str, Any]) -> list[list[float]]:
    """Return how a point is turned: 3 x 3, x, y, z."""
    return [row[:3] for row in _transformation(point)[:3]]


def _transformation(point: dict[str, Any]) -> list[list[float]]:
    matrix = point.get("transformation_")
    if matrix is None:  # copick's own default
        return IDENTITY
    rows = [[float(value) for value in row] for row in matrix]
    if [len(row) for row in rows] != [4] * 4 or rows[3] != [0, 0, 0, 1]:
        raise ValueError(
            f"transformation_ {matrix}; expected 4 x 4, the last row 0, 0, 0, 1"
        )
    return rows


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
            f"particles {', '.join(names)} cannot be told apart in copick, whose names"
            " have no underscores; rename one"
        )
    for name, object_ in names.items():
        if name != object_:
            logger.warning("warning: %s is called %s in copick", name, object_)
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
                "trust_orientation": _are_oriented(one, particle.name),
            }
            name = f"{user}_{session}_{names[particle.name]}.json"
            files = folder / "ExperimentRuns" / one.tomogram / "Picks"
            _write_json(files / name, content)
    config = _config(particles, user, session, root or folder)
    _write_json(folder / CONFIG, config)


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
        # There are no volumes, but copick asks for the key.
        "static_root": None,
        "static_fs_args": {},
    }


def _points(one: TomogramPicks, particle: str) -> Iterator[dict[str, Any]]:
    """Yield the points of one class; an unknown orientation is the identity."""
    for position, score, rotation in rows_of(one.picks, particle):
        z, y, x = (float(value) for value in position)
        matrix = IDENTITY
        if rotation is not None:
            turn = reversed_axes(rotation).tolist()
            matrix = [*([*row, 0.0] for row in turn), IDENTITY[3]]
        yield {
            "location": {"x": x, "y": y, "z": z},
            "transformation_": matrix,
            "instance_id": 0,
            "score": float(score),
        }


def _are_oriented(one: TomogramPicks, particle: str) -> bool:
    """Return whether the orientations of all picks of a class are known."""
    rotation = one.picks.of(particle).rotation
    return rotation is not None and bool(are_known(rotation).all())


def _write_json(path: Path, content: dict[str, Any]) -> None:
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")
