"""Copick projects and the Kaggle layout: picks as JSON, volumes as OME-Zarr."""

from __future__ import annotations

import csv
import json
import os
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from picker.config import SPLITS, TomogramRow, explained

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from picker.config import CopickSettings, Particle
    from picker.formats.star import TomogramPicks

IDENTITY = [[float(i == j) for j in range(4)] for i in range(4)]


def find_tomograms(settings: CopickSettings) -> tuple[TomogramRow, ...]:
    """Return the tomograms that the splits table names, with their picks.

    Raises
    ------
    ValueError
        If the table, a volume or the picks of a labeled tomogram are missing.
    """
    if not settings.splits.is_file():
        raise ValueError(
            f"table {settings.splits} does not exist; set tomograms.copick.splits"
        )
    rows = []
    with settings.splits.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, delimiter="\t")
        if not {"tomogram", "split"} <= set(reader.fieldnames or []):
            raise ValueError(
                f"table {settings.splits} has the columns {reader.fieldnames};"
                " expected tomogram and split, apart by tabs"
            )
        for line, values in enumerate(reader, 2):
            try:
                rows.append(_row(settings, values["tomogram"], values["split"]))
            except ValidationError as error:
                raise ValueError(
                    f"table {settings.splits}, line {line}: {explained(error).strip()}"
                ) from error
    if not rows:
        raise ValueError(f"table {settings.splits} has no rows; name some tomograms")
    return tuple(rows)


def _row(settings: CopickSettings, name: str, split: Any) -> TomogramRow:
    """Return one tomogram with the picks of its split."""
    volume = (
        settings.root
        / "ExperimentRuns"
        / name
        / f"VoxelSpacing{settings.voxel_spacing}"
        / f"{settings.tomogram_type}.zarr"
    )
    if not volume.is_dir():
        raise ValueError(
            f"{volume} of tomogram {name} does not exist; check tomograms.copick.root,"
            " voxel_spacing and tomogram_type"
        )
    picks: tuple[Path, ...] = ()
    if split in SPLITS and split in settings.picks:
        folder = settings.picks[split] / "ExperimentRuns" / name / "Picks"
        picks = tuple(sorted(folder.glob("*.json")))
    return TomogramRow(tomogram=name, path=volume, split=split, picks=picks)


def read_picks(path: Path) -> tuple[str, list[list[float]], list[float]]:
    """Return the object's name, `(n, 3)` positions [Å, zyx] and scores of one file.

    Raises
    ------
    ValueError
        If the file is no copick JSON or its unit is not angstrom.
    """
    try:
        content = json.loads(path.read_text())
        name = content["pickable_object_name"]
        points = content["points"] or []
        positions = [
            [float(point["location"][axis]) for axis in "zyx"] for point in points
        ]
        scores = [float(point.get("score") or 1.0) for point in points]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is no copick picks file ({error!r}); expected"
            " pickable_object_name and points with a location"
        ) from error
    unit = content.get("unit", "angstrom")
    if unit != "angstrom":
        raise ValueError(f"{path} gives positions in {unit!r}; expected angstrom")
    return name, positions, scores


def write_project(
    folder: Path,
    tomograms: Sequence[TomogramPicks],
    particles: Sequence[Particle],
    user_id: str,
    session_id: str,
    root: Path,
) -> None:
    """Write one JSON a tomogram and class, and a configuration that copick opens.

    `root` is where the folder will lie when copick opens it.
    """
    for one in tomograms:
        picks_folder = folder / "ExperimentRuns" / one.tomogram / "Picks"
        for particle in particles:
            content = {
                "pickable_object_name": particle.name,
                "user_id": user_id,
                "session_id": session_id,
                "run_name": one.tomogram,
                "voxel_spacing": one.voxel_size,
                "unit": "angstrom",
                "points": list(_points(one, particle.name)),
                "trust_orientation": False,
            }
            name = f"{user_id}_{session_id}_{particle.name}.json"
            _write_json(picks_folder / name, content)
    _write_json(
        folder / "copick_config.json",
        {
            "config_type": "filesystem",
            "name": "picks",
            "description": "Picks in angstrom; 0 is the centre of voxel 0.",
            "version": "1.0.0",
            "pickable_objects": [
                {
                    "name": particle.name,
                    "is_particle": True,
                    "label": label,
                    "color": [
                        *(int(particle.color[i : i + 2], 16) for i in (1, 3, 5)),
                        255,
                    ],
                    "radius": particle.radius,
                }
                for label, particle in enumerate(particles, 1)
            ],
            "overlay_root": f"local://{root.resolve()}",
            "overlay_fs_args": {"auto_mkdir": True},
        },
    )


def _points(one: TomogramPicks, particle: str) -> Iterator[dict[str, Any]]:
    """Yield the points of one class; orientation unknown, so the identity."""
    mine = one.picks.of(particle)
    for position, score in zip(mine.position_zyx, mine.score, strict=True):
        z, y, x = (float(v) for v in position)
        yield {
            "location": {"x": x, "y": y, "z": z},
            "transformation_": IDENTITY,
            "instance_id": 0,
            "score": round(float(score), 6),
        }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content))
    temporary.replace(path)
