"""What to label next: the fullest regions of the tomograms with the most picks."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from picker.config import Particle
from picker.core.files import remove, write_text, written_whole
from picker.core.picks import concatenate, picks_from_arrays
from picker.formats.picks.imod import REGIONS, write_models
from picker.formats.picks.records import TomogramPicks
from picker.formats.picks.star import write_picks
from picker.formats.tables.tsv import read_rows, text_of_rows
from picker.formats.text import listed
from picker.formats.volumes.ome_zarr import write_volume
from picker.formats.volumes.read import read_mask
from picker.jobs.failures import cannot_be_used
from picker.jobs.known_particles import answers_about
from picker.jobs.pick_files import picks_alone
from picker.jobs.stored import attributes_of
from picker.machine.progress import tracked
from picker.project.claims import claimed
from picker.project.layout import REGIONS_TABLE, picks_file, volume_file
from picker.project.manifests import read_picked, write_manifest
from picker.project.records import Failed, Picked, Preprocessed
from picker.refining.answers import answered
from picker.refining.regions import fullest_regions, in_any_region, region_mask
from picker.refining.select import in_mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from picker.config import LabelNextSettings
    from picker.core.picks import Picks

logger = logging.getLogger("picker")


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """One region to label.

    Attributes
    ----------
    tomogram
        Name.
    centre_zyx
        `(3,)` its centre [Å].
    num_picks
        Picks that it holds.
    """

    tomogram: str
    centre_zyx: NDArray[np.float64]
    num_picks: int


def write_regions(
    picked: Path,
    ranking: Path,
    output: Path,
    particles: tuple[Particle, ...],
    settings: LabelNextSettings,
    failed: Path | None = None,
) -> None:
    """Write the regions to label next; the folder is there whole or not at all.

    For each tomogram there are the regions' picks as STAR, an IMOD model of picks and
    regions, and a mask of the regions. A tomogram that cannot be used is recorded and
    the next one takes its place.

    Parameters
    ----------
    picked, ranking
        Manifest and ranking of tomograms that one run of picking wrote.
    output
        Folder to write.
    particles
        The classes.
    settings
        Numbers of tomograms and regions, and the radius of regions.
    failed
        Manifest to write of the tomograms that could not be used.

    Raises
    ------
    ValueError
        If the ranking names a tomogram that the manifest does not have.
    """
    with claimed(output), written_whole(output) as folder:
        folder.mkdir()
        entries = {entry.tomogram: entry for entry in read_picked([picked])}
        labeled, failures = _labeled(entries.values())
        ranked = [str(row.get("tomogram")) for row in read_rows(ranking)]
        if unknown := [name for name in ranked if name not in entries]:
            raise ValueError(
                f"{ranking} names {listed(unknown)}, which {picked} does not have;"
                " expected what one run of the verb pick wrote, pick again"
            )
        regions: list[Region] = []
        num_left = settings.tomograms
        for name in tracked(ranked, "label_next", len(ranked), "tomograms to look at"):
            if not num_left:
                break
            entry = entries[name]
            if isinstance(entry, Failed):  # the ranking is of an earlier run
                continue
            try:
                found = _write_tomogram(folder, entry, labeled, particles, settings)
            except Exception as error:
                failures.append(cannot_be_used(entry, entry.picks, error))
                for suffix in (".star", ".mod", "_mask.zarr"):
                    remove(folder / f"{name}{suffix}")
                continue
            regions += found
            num_left -= bool(found)
        write_text(folder / REGIONS_TABLE, _table(regions))
        if failed:
            write_manifest(failed, failures)


def _labeled(
    entries: Iterable[Picked | Failed],
) -> tuple[dict[Path, list[Preprocessed]], list[Failed]]:
    """Return each source file's labeled rows of the table, and those that failed."""
    by_source: dict[Path, list[Preprocessed]] = {}
    failures = []
    for entry in entries:
        before = entry.preprocessed  # None: where people looked is not known
        if before and entry.split in ("labeled", "validation"):
            try:
                by_source.setdefault(_source(before), []).append(before)
            except Exception as error:
                failures.append(cannot_be_used(entry, before.volume, error))
    return by_source, failures


def _source(entry: Preprocessed) -> Path:
    """Return the file that a tomogram came from; several rows may name one."""
    try:
        attributes = attributes_of(entry.volume)
    except FileNotFoundError:  # it was deleted since
        attributes = {}
    return Path(attributes.get("source", entry.volume)).resolve()


def _write_tomogram(
    folder: Path,
    entry: Picked,
    labeled: Mapping[Path, Sequence[Preprocessed]],
    particles: tuple[Particle, ...],
    settings: LabelNextSettings,
) -> list[Region]:
    """Write one tomogram's regions, and return them.

    Of a partial or reviewed one its labels are there too: nobody has looked at all of
    it.
    Where people have looked already, nothing is claimed: the particles that they found
    are missing from this model.
    """
    name, before = entry.tomogram, entry.preprocessed
    voxel_size, shape_zyx = before.source_voxel_size, before.source_shape_zyx
    unseen = _unseen(before, labeled)
    picks = picks_alone(entry.picks)
    if entry.split in ("partial", "reviewed"):
        # What somebody labeled stays: a region's file is to be complete.
        picks = answered(picks, answers_about(before), particles)
    picks = picks.select(in_mask(picks.position_zyx, voxel_size, shape_zyx, unseen))
    index, num_picks = fullest_regions(
        picks.position_zyx, settings.radius, settings.regions
    )
    if not len(index):
        logger.info("%s: no picks where nobody has looked", name)
        return []
    centre_zyx = picks.position_zyx[index]
    inside = picks.select(
        in_any_region(picks.position_zyx, centre_zyx, settings.radius)
    )
    write_picks(picks_file(folder, name), inside, {"tomogram": name})
    _write_model(folder, entry, inside, centre_zyx, particles, settings.radius)
    mask = region_mask(centre_zyx, settings.radius, voxel_size, shape_zyx) & unseen
    path = volume_file(folder, f"{name}_mask")
    write_volume(path, mask.astype(np.uint8), voxel_size, {}, compressor="zstd")
    logger.info("%s: %d regions to label", name, len(index))
    return [
        Region(tomogram=name, centre_zyx=centre, num_picks=int(number))
        for centre, number in zip(centre_zyx, num_picks, strict=True)
    ]


def _unseen(
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


def _write_model(
    folder: Path,
    entry: Picked,
    picks: Picks,
    centre_zyx: NDArray[np.float64],
    particles: tuple[Particle, ...],
    radius: float,
) -> None:
    """Write an IMOD model of picks, with the regions as spheres of another class."""
    regions = picks_from_arrays(centre_zyx, [REGIONS] * len(centre_zyx))
    model = TomogramPicks(
        tomogram=entry.tomogram,
        voxel_size=entry.preprocessed.source_voxel_size,
        shape_zyx=entry.preprocessed.source_shape_zyx,
        picks=concatenate([picks, regions]),
    )
    classes = [*particles, Particle(name=REGIONS, radius=radius, color="#ffffff")]
    try:
        write_models(folder, [model], classes)
    except ValueError as error:  # IMOD's names are short; STAR and mask can do without
        logger.warning("warning: %s has no IMOD model: %s", entry.tomogram, error)


def _table(regions: Sequence[Region]) -> str:
    """Return a TSV of the regions, the fullest first; positions in Å."""
    columns = ("tomogram", "x", "y", "z", "picks")
    rows = [
        dict(
            zip(
                columns,
                (region.tomogram, *region.centre_zyx[::-1], region.num_picks),
                strict=True,
            )
        )
        for region in sorted(regions, key=lambda region: -region.num_picks)
    ]
    return text_of_rows(rows, columns, digits=1)
