"""Say what to label next: the fullest regions of the tomograms with the most picks.

For each of those tomograms there are the regions' picks as STAR, an IMOD model with
the regions as spheres beside them, which ChimeraX opens too, and a mask of the
regions. Fix the picks in the regions, and give STAR or model to the table with the
mask, which says that nobody looked elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from picker.config import LabelNextSettings, Particle
from picker.core.files import remove, write_text, written_whole
from picker.core.picks import Picks, concatenate, picks_from_arrays
from picker.core.tomogram import index_from_position
from picker.formats.picks.imod import REGIONS, write_models
from picker.formats.picks.records import TomogramPicks
from picker.formats.picks.star import read_picks, write_picks
from picker.formats.tables.tsv import read_rows
from picker.formats.text import listed
from picker.formats.volumes.ome_zarr import read_attributes, write_volume
from picker.formats.volumes.read import read_mask
from picker.jobs.failures import cannot_be_used
from picker.jobs.settings import read_particles, read_section
from picker.machine.progress import tracked
from picker.project.claims import claimed
from picker.project.layout import REGIONS_TABLE, picks_file, volume_file
from picker.project.manifests import read_picked, write_manifest
from picker.project.records import Failed, Picked, Preprocessed
from picker.refining.regions import fullest_regions
from picker.verbs.common import add_failed, add_settings, logger

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--picks", type=Path, required=True, help="manifest of the verb pick"
    )
    parser.add_argument(
        "--ranking", type=Path, required=True, help="label_next.tsv of the verb pick"
    )
    add_settings(parser, "particles, label_next")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    add_failed(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write the regions; the folder is there whole or not at all."""
    with claimed(arguments.output), written_whole(arguments.output) as folder:
        folder.mkdir()
        _write_regions(arguments, folder)


def _write_regions(arguments: argparse.Namespace, folder: Path) -> None:
    settings = read_section(arguments.settings, "label_next", LabelNextSettings)
    particles = read_particles(arguments.settings)
    entries = {entry.tomogram: entry for entry in read_picked([arguments.picks])}
    labeled, failed = _labeled(list(entries.values()))
    ranked = [str(row.get("tomogram")) for row in read_rows(arguments.ranking)]
    if unknown := [name for name in ranked if name not in entries]:
        raise ValueError(
            f"{arguments.ranking} names {listed(unknown)}, which {arguments.picks} does"
            " not have; expected what one run of the verb pick wrote, pick again"
        )
    rows: list[tuple[int, str]] = []
    left = settings.tomograms
    for name in tracked(ranked, "label_next", len(ranked), "tomograms to look at"):
        entry = entries[name]
        if not left:
            break
        if isinstance(entry, Failed):  # the ranking is of an earlier run
            continue
        try:
            found = _write_tomogram(folder, entry, labeled, particles, settings)
        except Exception as error:
            failed.append(cannot_be_used(entry, entry.picks, error))
            for suffix in (".star", ".mod", "_mask.zarr"):
                remove(folder / f"{entry.tomogram}{suffix}")
            continue
        rows += found
        left -= bool(found)
    rows.sort(key=lambda row: -row[0])
    head = "tomogram\tx\ty\tz\tpicks\n"
    write_text(folder / REGIONS_TABLE, head + "".join(text for _, text in rows))
    if arguments.failed:
        write_manifest(arguments.failed, failed)


def _labeled(
    entries: Sequence[Picked | Failed],
) -> tuple[dict[Path, list[Preprocessed]], list[Failed]]:
    """Return the labeled rows of each file that tomograms are of, and failed ones."""
    found: dict[Path, list[Preprocessed]] = {}
    failed = []
    for entry in entries:
        before = entry.preprocessed  # none: nothing is known of where people looked
        if before and entry.split in ("labeled", "validation"):
            try:
                found.setdefault(_source(before), []).append(before)
            except Exception as error:
                failed.append(cannot_be_used(entry, before.volume, error))
    return found, failed


def _source(entry: Preprocessed) -> Path:
    """Return the file that a tomogram came from; several rows may name one."""
    try:
        attributes = read_attributes(entry.volume)
    except FileNotFoundError:  # it was deleted since
        attributes = {}
    return Path(attributes.get("source", entry.volume)).resolve()


def _where_nobody_looked(
    entry: Preprocessed, labeled: Mapping[Path, Sequence[Preprocessed]]
) -> NDArray[np.bool_]:
    """Return `(z, y, x)` true where picks may be and no labeled row has its own."""
    shape_zyx = entry.source_shape_zyx
    unseen = np.ones(shape_zyx, bool)
    if entry.mask:
        unseen &= read_mask(entry.mask, shape_zyx)
    for other in labeled.get(_source(entry), ()):
        unseen &= ~read_mask(other.mask, shape_zyx) if other.mask else False
    return unseen


def _voxels(picks: Picks, entry: Preprocessed) -> tuple[NDArray[np.intp], ...]:
    """Return z, y, x of the file's voxels that the picks lie in."""
    index = index_from_position(picks.position_zyx, entry.source_voxel_size)
    last = np.array(entry.source_shape_zyx) - 1
    return tuple(np.clip(np.rint(index).astype(int), 0, last).T)


def _write_tomogram(
    folder: Path,
    entry: Picked,
    labeled: Mapping[Path, Sequence[Preprocessed]],
    particles: tuple[Particle, ...],
    settings: LabelNextSettings,
) -> list[tuple[int, str]]:
    """Write one tomogram's picks in its fullest regions, the regions and their mask.

    Where others have looked their rows say so: their particles are not in this model.
    Returns each region's number of picks with its line of the table.
    """
    radius = settings.radius
    before = entry.preprocessed
    unseen = _where_nobody_looked(before, labeled)
    picks = read_picks(entry.picks)
    picks = picks.select(unseen[_voxels(picks, before)])
    centre, held = fullest_regions(picks.position_zyx, radius, settings.regions)
    regions = picks.position_zyx[centre]
    if not len(regions):
        logger.info("%s: no picks where nobody has looked", entry.tomogram)
        return []
    away = np.linalg.norm(picks.position_zyx[:, None] - regions, axis=2)
    inside = picks.select((away <= radius).any(axis=1))
    name = entry.tomogram
    voxel_size, shape_zyx = before.source_voxel_size, before.source_shape_zyx
    write_picks(picks_file(folder, name), inside, {"tomogram": name})
    both = concatenate([inside, picks_from_arrays(regions, [REGIONS] * len(regions))])
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
            [*particles, Particle(name=REGIONS, radius=radius, color="#ffffff")],
        )
    except ValueError as error:  # IMOD's names are short; the other files do without
        logger.warning("warning: %s has no IMOD model: %s", name, error)
    mask = np.zeros(shape_zyx, bool)
    for centre in index_from_position(regions, voxel_size):
        reach = radius / voxel_size
        low = np.maximum(np.ceil(centre - reach), 0).astype(int)
        high = np.minimum(np.floor(centre + reach) + 1, shape_zyx).astype(int)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        z, y, x = np.ogrid[box]
        square = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
        mask[box] |= square <= reach**2
    mask &= unseen
    path = volume_file(folder, f"{name}_mask")
    write_volume(path, mask.astype(np.uint8), voxel_size, {}, compressor="zstd")
    logger.info("%s: %d regions to label", name, len(regions))
    rows = []
    for place, number in zip(regions, held, strict=True):
        x_y_z = "\t".join(f"{value:.1f}" for value in place[::-1])
        rows.append((number, f"{name}\t{x_y_z}\t{number}\n"))
    return rows
