"""Turn candidates into picks: thresholds, distances, masks and edges.

Quick, and without the model: changing a threshold runs this stage and those behind it.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import Particle, PickSettings
from picker.formats.star import read_comments, read_picks, write_picks
from picker.formats.volume import read_mask
from picker.select import select_picks
from picker.verbs.common import (
    Entry,
    add_settings,
    fingerprint,
    read_manifests,
    read_particles,
    read_section,
    write_manifest,
)

if TYPE_CHECKING:
    import argparse

logger = logging.getLogger("picker")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--manifests", nargs="+", type=Path, required=True, help="predicted shards"
    )
    parser.add_argument("--thresholds", type=Path, required=True, help="JSON")
    add_settings(parser, "particles, pick")
    parser.add_argument("--picks", type=Path, required=True, help="folder to fill")
    parser.add_argument("--output", type=Path, required=True, help="manifest to write")


def run(arguments: argparse.Namespace) -> None:
    """Write the picks of one shard."""
    settings = read_section(arguments.settings, "pick", PickSettings)
    particles = read_particles(arguments.settings)
    saved = json.loads(arguments.thresholds.read_text())
    thresholds = {name: values["threshold"] for name, values in saved.items()}
    entries = [
        _pick(entry, arguments.picks, particles, thresholds, settings)
        for entry in read_manifests(arguments.manifests)
    ]
    for entry in entries:
        if not entry.error and not any(entry.counts.values()):
            logger.warning("warning: no picks in %s", entry.tomogram)
    write_manifest(arguments.output, entries)


def _pick(
    entry: Entry,
    folder: Path,
    particles: tuple[Particle, ...],
    thresholds: dict[str, float],
    settings: PickSettings,
) -> Entry:
    """Write one tomogram's picks unless they are there and valid."""
    path = folder / f"{entry.tomogram}.star"
    if entry.error:
        return entry.model_copy(update={"path": path})
    mask_stamp = entry.mask.stat().st_mtime_ns if entry.mask else None
    key = fingerprint(
        entry.path.read_bytes(),
        particles,
        sorted(thresholds.items()),
        settings.model_dump_json(),
        mask_stamp,
    )
    if path.exists() and read_comments(path).get("fingerprint") == key:
        picks = read_picks(path)
    else:
        mask = read_mask(entry.mask) if entry.mask else None
        picks = select_picks(
            read_picks(entry.path),
            particles,
            thresholds,
            settings,
            entry.voxel_size,
            entry.shape_zyx,
            mask,
        )
        write_picks(path, picks, {"fingerprint": key, "tomogram": entry.tomogram})
    counts = {p.name: int((picks.particle == p.name).sum()) for p in particles}
    logger.info("%s: %d picks", entry.tomogram, len(picks))
    return entry.model_copy(update={"path": path, "counts": counts})
