"""Say where the model hesitates: regions of the tomograms that it is least sure of.

For each of those tomograms there are the regions' undecided candidates as STAR (the
score is how undecided), an IMOD model with the regions as spheres, which ChimeraX opens
too, and a mask of the regions. Pick all particles in the regions, and give both to the
table: the mask says that nobody looked elsewhere.
"""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from picker.claim import claimed
from picker.config import LabelNextSettings, Particle, PickSettings
from picker.formats.imod import write_models
from picker.formats.ome_zarr import write_volume
from picker.formats.records import TomogramPicks
from picker.formats.star import read_picks, write_picks
from picker.formats.volume import read_mask
from picker.picks import Picks, concatenate, picks_from_arrays
from picker.select import select_picks
from picker.tomogram import index_from_position
from picker.uncertainty import uncertain_regions, uncertainty
from picker.verbs.common import (
    add_settings,
    logger,
    read_manifests,
    read_particles,
    read_section,
    read_thresholds,
    write_text,
)

if TYPE_CHECKING:
    import argparse

    from numpy.typing import NDArray

    from picker.verbs.common import Entry

REGION = "region"
"""Name of the regions among the classes of an IMOD model."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--manifests", nargs="+", type=Path, required=True, help="predicted shards"
    )
    parser.add_argument("--thresholds", type=Path, required=True, help="JSON")
    parser.add_argument(
        "--ranking", type=Path, required=True, help="label_next.tsv of the verb pick"
    )
    add_settings(parser, "particles, pick, label_next")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")


def run(arguments: argparse.Namespace) -> None:
    """Write the regions; the folder is there whole or not at all."""
    with claimed(arguments.output):
        folder = arguments.output.with_name(f".{arguments.output.name}.{os.getpid()}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _write_regions(arguments, folder)
        shutil.rmtree(arguments.output, ignore_errors=True)
        folder.rename(arguments.output)


def _write_regions(arguments: argparse.Namespace, folder: Path) -> None:
    settings = read_section(arguments.settings, "label_next", LabelNextSettings)
    pick = read_section(arguments.settings, "pick", PickSettings)
    particles = read_particles(arguments.settings)
    thresholds = read_thresholds(arguments.thresholds) | pick.thresholds
    entries = {entry.tomogram: entry for entry in read_manifests(arguments.manifests)}
    with arguments.ranking.open(newline="") as file:
        ranked = [row["tomogram"] for row in csv.DictReader(file, delimiter="\t")]
    rows: list[tuple[float, str]] = []
    for name in ranked[: settings.tomograms]:
        found = _undecided(entries[name], particles, thresholds, pick)
        centre, held = uncertain_regions(
            found.position_zyx, found.score, settings.radius, settings.regions
        )
        regions = found.position_zyx[centre]
        if not len(regions):
            logger.info("%s: no undecided candidate", name)
            continue
        away = np.linalg.norm(found.position_zyx[:, None] - regions, axis=2)
        inside = found.select((away <= settings.radius).any(axis=1) & (found.score > 0))
        _write_tomogram(
            folder, entries[name], inside, regions, particles, settings.radius
        )
        for place, value, distance in zip(regions, held, away.T, strict=True):
            number = int(((distance <= settings.radius) & (found.score > 0)).sum())
            x_y_z = "\t".join(f"{value:.1f}" for value in place[::-1])
            rows.append((value, f"{name}\t{x_y_z}\t{value:.2f}\t{number}\n"))
        logger.info("%s: %d regions to label", name, len(regions))
    rows.sort(key=lambda row: -row[0])
    head = "tomogram\tx\ty\tz\tuncertainty\tundecided\n"
    write_text(folder / "regions.tsv", head + "".join(text for _, text in rows))


def _undecided(
    entry: Entry,
    particles: tuple[Particle, ...],
    thresholds: dict[str, float],
    settings: PickSettings,
) -> Picks:
    """Return one tomogram's candidates, the score being how undecided each is."""
    uncut = settings.model_copy(
        update={"thresholds": {particle.name: 0.0 for particle in particles}}
    )
    found = select_picks(
        read_picks(entry.path),
        particles,
        thresholds,
        uncut,
        entry.voxel_size,
        entry.shape_zyx,
        read_mask(entry.mask) if entry.mask else None,
    )
    cut = np.array([thresholds[str(name)] for name in found.particle], np.float64)
    return picks_from_arrays(
        found.position_zyx,
        found.particle.tolist(),
        uncertainty(found.score, cut).astype(np.float32),
    )


def _write_tomogram(
    folder: Path,
    entry: Entry,
    undecided: Picks,
    regions: NDArray[np.float64],
    particles: tuple[Particle, ...],
    radius: float,
) -> None:
    """Write one tomogram's undecided candidates, regions and mask."""
    name = entry.tomogram
    voxel_size, shape_zyx = entry.geometry
    write_picks(folder / f"{name}.star", undecided, {"tomogram": name})
    both = concatenate([undecided, picks_from_arrays(regions, [REGION] * len(regions))])
    try:
        write_models(
            folder,
            [
                TomogramPicks(
                    tomogram=name,
                    voxel_size=voxel_size,
                    shape_zyx=shape_zyx,
                    picks=both,
                )
            ],
            [*particles, Particle(name=REGION, radius=radius, color="#ffffff")],
        )
    except ValueError as error:  # IMOD's names are short; the other files do without
        logger.warning("warning: %s has no IMOD model: %s", name, error)
    mask = np.zeros(shape_zyx, np.uint8)
    for centre in index_from_position(regions, voxel_size):
        reach = radius / voxel_size
        low = np.maximum(np.ceil(centre - reach), 0).astype(int)
        high = np.minimum(np.floor(centre + reach) + 1, shape_zyx).astype(int)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        z, y, x = np.ogrid[box]
        square = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
        mask[box] |= square <= reach**2
    if entry.mask:
        mask &= read_mask(entry.mask, shape_zyx)
    write_volume(folder / f"{name}_mask.zarr", mask, voxel_size, {}, compressor="zstd")
