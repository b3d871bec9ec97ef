"""Preprocess a shard: each tomogram is read, checked, measured, normalised and stored.

Of those that train nothing a recipe is stored in place of the volume, unless all are to
be kept. Tomograms whose input and settings have not changed are left alone. One that
cannot be used is recorded in the manifest with the reason, and the others continue.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from picker.config.base import UNTRAINED
from picker.core.files import remove
from picker.core.slab import level_slab
from picker.formats.picks.star import read_picks, write_picks
from picker.formats.volumes.files import check_dimensions
from picker.formats.volumes.ome_zarr import write_volume
from picker.formats.volumes.read import accepted, map_tomogram, read_mask
from picker.jobs.failures import told_failure
from picker.jobs.halves import read_noise
from picker.jobs.known_picks import (
    check_expected,
    excluded_picks,
    particles_of,
    picks_of_row,
)
from picker.jobs.provenance import file_stamps, finished_record, input_key
from picker.jobs.recipe import NoiseRecipe, Recipe, write_recipe
from picker.jobs.slab import slab_of
from picker.jobs.table_rows import read_rows
from picker.machine.progress import tracked
from picker.project.claims import claimed
from picker.project.layout import picks_file, recipe_file, volume_file
from picker.project.manifests import write_manifest
from picker.project.records import PREPROCESSED, Failed, Preprocessed
from picker.volumes.exclude import allowed_region
from picker.volumes.halves import preprocess_noise
from picker.volumes.normalise import prepared_volume
from picker.volumes.rescale import needless_pixels

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.config import Particle, PreprocessSettings, TomogramRow
    from picker.core.tomogram import Tomogram

logger = logging.getLogger("picker")

DIGITS = 5
"""Decimals of a voxel size [Å]: as many as readers of volumes give, whose headers are
float32."""


def preprocess_shard(
    table: Path,
    particles: tuple[Particle, ...],
    settings: PreprocessSettings,
    *,
    volumes: Path,
    labels: Path,
    masks: Path,
    noise: Path,
    manifest: Path,
) -> None:
    """Store each tomogram's volume, known picks, mask and noise; write the manifest.

    Parameters
    ----------
    table
        Tomograms: a table (TSV), or a shard of one (JSON).
    particles
        Names and radii [Å].
    settings
        How volumes are made.
    volumes, labels, masks, noise
        Folders to fill with `<tomogram>.zarr`, or `<tomogram>.json` of a recipe,
        `<tomogram>.star` and, where a mask, slab or gold limits picks,
        `<tomogram>.zarr` of where they may be; where there are halves,
        `<tomogram>.zarr` of their noise, which a recipe is of too.
    manifest
        File to write. Jobs that fill the same folders know of each other if their
        manifests lie in one folder.

    Raises
    ------
    ValueError
        If the table cannot be read.
    OSError
        If the disk takes nothing, which is no tomogram's fault.
    """
    with claimed(manifest, volumes, labels, masks, noise):
        rows = read_rows(table)
        records: list[Preprocessed | Failed] = []
        progress = tracked(rows, "preprocess", len(rows), "tomograms")
        for number, row in enumerate(progress, 1):
            volume = volume_file(volumes, row.tomogram)
            record: Preprocessed | Failed
            try:
                record = preprocess_tomogram(
                    row,
                    particles,
                    settings,
                    volume=volume,
                    labels=picks_file(labels, row.tomogram) if row.picks else None,
                    mask=volume_file(masks, row.tomogram),
                    noise=volume_file(noise, row.tomogram),
                )
            except Exception as error:
                # Recorded, not hidden: `finish` ends the run with this text.
                record = _failed(row, volume, error)
            for warning in record.warnings:
                logger.warning("warning: %s", warning)
            logger.info("preprocessed %s (%d of %d)", row.tomogram, number, len(rows))
            records.append(record)
        write_manifest(manifest, records)


def preprocess_tomogram(
    row: TomogramRow,
    particles: tuple[Particle, ...],
    settings: PreprocessSettings,
    *,
    volume: Path,
    labels: Path | None,
    mask: Path,
    noise: Path,
) -> Preprocessed:
    """Write one tomogram's volume, picks, mask and noise unless they are valid.

    Parameters
    ----------
    row
        The tomogram, its files and how to read them.
    particles
        Names and radii [Å].
    settings
        How volumes are made.
    volume, labels, mask, noise
        Files to write; `labels` is None if the tomogram has no known picks. A recipe
        is written beside `volume`, in place of that and `noise`.

    Raises
    ------
    ValueError
        If a file of the tomogram cannot be used.
    MemoryError
        If it does not fit into the memory.
    """
    stamps = file_stamps(row)
    key = input_key(row, particles, settings)
    recipe = recipe_file(volume.parent, row.tomogram)
    is_kept = settings.keep == "all" or row.split not in UNTRAINED
    # A copy that is there and valid serves in any case.
    for file in (volume,) if is_kept else (volume, recipe):
        finished = finished_record(file, labels, mask, noise, key)
        if finished is None:
            continue
        if finished.labels:
            check_expected(row, read_picks(finished.labels))
        return replace(
            finished,
            split=row.split,
            expected=row.expected,
            tilt_pixel_size=row.tilt_pixel_size,
            called=row.called,
            membranes=row.membranes,
            stamps=stamps,
            fingerprint=key,
        )
    tomogram, warnings = map_tomogram(
        row.path, row.tomogram, row.voxel_size, **accepted(row)
    )
    check_dimensions(row.path, tomogram.shape_zyx, row.dimensions)
    if row.called:
        warnings.append(f"tomogram {row.called!r} is called {row.tomogram} here")
    picks = None
    if labels is not None:
        picks, more = picks_of_row(row, tomogram, particles, settings)
        warnings += more
        check_expected(row, picks)
    known = None if picks is None else particles_of(row, picks)
    user_mask = read_mask(row.mask, tomogram.shape_zyx) if row.mask else None
    slab_z = (row.slab_z_low, row.slab_z_high)
    slab = None
    if slab_z == (None, None):
        slab, more = slab_of(tomogram, particles, settings, known, user_mask)
        warnings += more
    region, gold, more = allowed_region(
        tomogram.volume, tomogram.voxel_size, settings, user_mask, slab_z, slab
    )
    warnings += more
    if region is not None:
        _write_mask(mask, region, tomogram, key)
        if known is not None:
            warnings += excluded_picks(known, tomogram, region)
    noise_volume, scale, more = read_noise(row, tomogram, region)
    warnings += more
    # What lies outside of the region must not set the scale of what lies inside.
    normalised, voxel_size, more, steps = prepared_volume(
        tomogram.volume, tomogram.voxel_size, settings, region
    )
    warnings += more
    voxel_size = round(voxel_size, DIGITS)
    if tomogram.is_micrograph:
        diameter = 2 * max(particle.radius for particle in particles)
        warnings += needless_pixels(row.tomogram, diameter, voxel_size)
    of_noise, noise_spread = None, None
    if noise_volume is not None:
        noise_volume, noise_spread, mean = preprocess_noise(noise_volume, steps, region)
        of_noise = NoiseRecipe(scale=scale, mean=mean)
        if is_kept:
            kept = noise_volume.astype(np.float16)
            write_volume(noise, kept, voxel_size, {"fingerprint": key})
    if picks is not None and labels is not None:
        write_picks(labels, picks)
    record = Preprocessed(
        tomogram=row.tomogram,
        split=row.split,
        volume=volume if is_kept else recipe,
        fingerprint=key,
        voxel_size=voxel_size,
        shape_zyx=normalised.shape,
        source=row.path,
        source_voxel_size=tomogram.voxel_size,
        source_shape_zyx=tomogram.shape_zyx,
        tilt_pixel_size=row.tilt_pixel_size,
        called=row.called,
        labels=labels,
        expected=row.expected,
        mask=None if region is None else mask,
        slab=slab or level_slab(*slab_z),
        gold=gold,
        membranes=row.membranes,
        noise=None if noise_volume is None else noise if is_kept else recipe,
        noise_spread=noise_spread,
        warnings=tuple(warnings),
        stamps=stamps,
    )
    source = row.path
    if is_kept:
        remove(recipe)
        noted = PREPROCESSED.dump_python(record, mode="json")
        attributes = {"source": str(source), "fingerprint": key, "entry": noted}
        write_volume(volume, normalised, voxel_size, attributes)
    else:
        # They are outdated: of other files or settings.
        remove(volume)
        remove(noise)
        made = Recipe(
            source=source,
            fingerprint=key,
            entry=record,
            row=row,
            steps=steps,
            noise=of_noise,
        )
        write_recipe(recipe, made)
    return record


def _failed(row: TomogramRow, volume: Path, error: Exception) -> Failed:
    return Failed(
        tomogram=row.tomogram,
        split=row.split,
        path=volume,
        stamps=file_stamps(row),
        error=told_failure(row.tomogram, row.path, error),
        # A file server that did not answer may answer next time, and memory may be
        # free then.
        retry=isinstance(error, (OSError, MemoryError)),
    )


def _write_mask(
    path: Path, region: NDArray[np.bool_], tomogram: Tomogram, key: str
) -> None:
    """Write where picks may be, at the file's own resolution as a user's mask is."""
    write_volume(
        path,
        region.view(np.uint8),
        tomogram.voxel_size,
        {"fingerprint": key},
        compressor="zstd",
    )
    logger.info(
        "%s: picks may lie in %.0f%% of the tomogram",
        tomogram.name,
        100 * region.mean(),
    )
