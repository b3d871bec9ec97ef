"""Read, check, clip, normalise and store tomograms and their given picks.

For every tomogram of a table or shard it writes <tomogram>.zarr (OME-Zarr 0.5) and,
where picks are given, <tomogram>.star (positions in Å); and where a slab or gold beads
limit picks, a mask of what is left, which later stages use in place of the user's. A
tomogram that cannot be used is recorded in the manifest with the reason, and the others
go on. Tomograms whose input and settings have not changed are left alone.
Jobs that fill the same folders know of each other if their manifests lie in one folder.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import TypeAdapter, ValidationError

from picker import __version__
from picker.config import Particle, PreprocessSettings, TomogramRow
from picker.core.files import checked_file
from picker.core.fingerprint import fingerprint
from picker.core.stamps import file_stamp
from picker.core.tomogram import index_from_position
from picker.formats.picks.known import read_known_picks
from picker.formats.picks.star import write_picks
from picker.formats.tables.tomograms import read_table
from picker.formats.volumes.ome_zarr import (
    is_zarr,
    open_volume,
    read_attributes,
    write_volume,
)
from picker.formats.volumes.read import accepted, read_mask, read_tomogram
from picker.jobs.failures import told_failure
from picker.jobs.settings import read_particles, read_section
from picker.machine.progress import tracked
from picker.project.claims import claimed
from picker.project.layout import MASKS, picks_file, volume_file
from picker.project.manifests import write_manifest
from picker.project.records import PREPROCESSED, Failed, Preprocessed
from picker.refining.select import in_region
from picker.verbs.common import add_settings
from picker.volumes.exclude import allowed_region
from picker.volumes.normalise import check_contrast, preprocess_volume

if TYPE_CHECKING:
    import argparse

    from numpy.typing import NDArray

    from picker.core.picks import Picks
    from picker.core.tomogram import Tomogram

logger = logging.getLogger("picker")

DIGITS = 5
"""Of a voxel size [Å]: what readers of volumes give, who round off float32."""
NOT_IN_KEY = {"split", "tilt_pixel_size", "missing_chunks", "stacks_are_volumes"}
"""Of a row: what changes no result, or only makes one where there was none."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--tomograms", type=Path, required=True, help="table (TSV) or shard (JSON)"
    )
    add_settings(parser, "particles, preprocess")
    parser.add_argument("--volumes", type=Path, required=True, help="folder to fill")
    parser.add_argument("--labels", type=Path, required=True, help="folder to fill")
    parser.add_argument(
        "--masks", type=Path, help="folder to fill; default: masks, beside --volumes"
    )
    parser.add_argument("--output", type=Path, required=True, help="manifest to write")


def run(arguments: argparse.Namespace) -> None:
    """Preprocess all tomograms of one shard."""
    settings = read_section(arguments.settings, "preprocess", PreprocessSettings)
    particles = read_particles(arguments.settings)
    masks = arguments.masks or arguments.volumes.with_name(MASKS)
    with claimed(arguments.output, arguments.volumes, arguments.labels, masks):
        _preprocess_all(arguments, masks, particles, settings)


def _preprocess_all(
    arguments: argparse.Namespace,
    masks: Path,
    particles: tuple[Particle, ...],
    settings: PreprocessSettings,
) -> None:
    rows = _read_rows(arguments.tomograms)
    entries: list[Preprocessed | Failed] = []
    progress = tracked(rows, "preprocess", len(rows), "tomograms")
    for number, row in enumerate(progress, 1):
        volume = volume_file(arguments.volumes, row.tomogram)
        labels = picks_file(arguments.labels, row.tomogram) if row.picks else None
        mask = volume_file(masks, row.tomogram)
        entry: Preprocessed | Failed
        try:
            entry = _preprocess(row, volume, labels, mask, particles, settings)
        except Exception as error:
            # Recorded, not hidden: `finish` ends the run with this text.
            told = told_failure(row.tomogram, row.path, error)
            entry = Failed(
                tomogram=row.tomogram,
                split=row.split,
                path=volume,
                stamps=_stamps(row),
                error=told,
                # A file server that did not answer may do so next time, and memory
                # may be free.
                retry=isinstance(error, (OSError, MemoryError)),
            )
        for warning in entry.warnings:
            logger.warning("warning: %s", warning)
        logger.info("preprocessed %s (%d of %d)", row.tomogram, number, len(rows))
        entries.append(entry)
    write_manifest(arguments.output, entries)


def _read_rows(path: Path) -> tuple[TomogramRow, ...]:
    if path.suffix == ".json":
        text = checked_file(path, "a shard of the table").read_text()
        return TypeAdapter(tuple[TomogramRow, ...]).validate_json(text)
    return read_table(path)


def _preprocess(
    row: TomogramRow,
    volume_path: Path,
    labels_path: Path | None,
    mask_path: Path,
    particles: tuple[Particle, ...],
    settings: PreprocessSettings,
) -> Preprocessed:
    """Write one tomogram's volume, labels and mask unless they are there and valid."""
    stamps = _stamps(row)
    key = _key(row, particles, settings)
    done = _finished_entry(volume_path, labels_path, mask_path, key)
    if done is not None:
        return replace(
            done,
            split=row.split,
            tilt_pixel_size=row.tilt_pixel_size,
            called=row.called,
            stamps=stamps,
            fingerprint=key,
        )
    tomogram, warnings = read_tomogram(
        row.path, row.tomogram, row.voxel_size, **accepted(row)
    )
    if row.called:
        warnings.append(f"tomogram {row.called!r} is called {row.tomogram} here")
    picks = None
    if labels_path:
        picks, said = read_known_picks(
            row.picks,
            row.tomogram,
            particles,
            tomogram.voxel_size,
            tomogram.shape_zyx,
            row.tilt_pixel_size,
            row.outside,
            row.contours,
            row.called,
        )
        warnings += said
        contrast = check_contrast(
            tomogram.volume,
            index_from_position(picks.position_zyx, tomogram.voxel_size),
            _radii(picks.particle, particles) / tomogram.voxel_size,
            settings.particles_are,
        )
        warnings += [f"{row.tomogram}: {contrast}"] if contrast else []
    given = read_mask(row.mask, tomogram.shape_zyx) if row.mask else None
    region, said = allowed_region(
        tomogram.volume,
        tomogram.voxel_size,
        settings,
        given,
        (row.slab_z_low, row.slab_z_high),
    )
    warnings += said
    if region is not None:
        # At the file's own resolution, as the user's masks are.
        write_volume(
            mask_path,
            region.view(np.uint8),
            tomogram.voxel_size,
            {"fingerprint": key},
            compressor="zstd",
        )
        logger.info(
            "%s: picks may lie in %.0f%% of the tomogram",
            row.tomogram,
            100 * region.mean(),
        )
    if picks is not None and region is not None:
        warnings += _left_out(picks, tomogram, region)
    # What lies outside of the region must not set the scale of what lies inside.
    volume, voxel_size, said = preprocess_volume(
        tomogram.volume, tomogram.voxel_size, settings, region
    )
    warnings += said
    if picks is not None and labels_path is not None:
        write_picks(labels_path, picks)
    z, y, x = volume.shape
    entry = Preprocessed(
        tomogram=row.tomogram,
        split=row.split,
        volume=volume_path,
        fingerprint=key,
        voxel_size=round(voxel_size, DIGITS),
        shape_zyx=(z, y, x),
        source_voxel_size=tomogram.voxel_size,
        source_shape_zyx=tomogram.shape_zyx,
        tilt_pixel_size=row.tilt_pixel_size,
        called=row.called,
        labels=labels_path,
        mask=None if region is None else mask_path,
        warnings=tuple(warnings),
        stamps=stamps,
    )
    attributes = {
        "source": str(row.path),
        "fingerprint": key,
        "entry": PREPROCESSED.dump_python(entry, mode="json"),
    }
    write_volume(volume_path, volume.astype(np.float16), entry.voxel_size, attributes)
    return entry


def _key(
    row: TomogramRow, particles: tuple[Particle, ...], settings: PreprocessSettings
) -> str:
    """Return a digest of all that a tomogram's volume, labels and mask depend on.

    Particles and the tilt series' pixels matter to picks alone; radii to the warning
    about their contrast.
    """
    files = [row.path, *row.picks, *([row.mask] if row.mask else [])]
    names = ("tilt_pixel_size", "outside", "contours", "called")
    to_picks = (
        *(getattr(row, name) for name in names),
        [(particle.key(), particle.called) for particle in particles],
    )
    return fingerprint(
        __version__,
        row.model_dump_json(exclude={*NOT_IN_KEY, *names}),
        settings.key(),
        to_picks if row.picks else "",
        *(_stamp(file) for file in files),
    )


def _stamps(row: TomogramRow) -> dict[str, tuple[int, int]]:
    """Return the stamps of the files there are that a tomogram is read from."""
    files = [row.path, *row.picks, *([row.mask] if row.mask else [])]
    stamps = {}
    for file in files:
        # A folder may be there and not open to us.
        with contextlib.suppress(OSError):
            stamps[str(file)] = file_stamp(file)
    return stamps


def _finished_entry(
    volume_path: Path, labels_path: Path | None, mask_path: Path, key: str
) -> Preprocessed | None:
    """Return what an earlier run recorded if its files still hold for this input."""
    if not _is_made_of(volume_path, key):
        return None
    try:
        entry = PREPROCESSED.validate_python(read_attributes(volume_path)["entry"])
    except (KeyError, ValidationError):  # another version's, which had other fields
        return None
    if labels_path is not None and not labels_path.exists():
        return None
    # Settings may have come and gone while a job was killed between the two files.
    if entry.mask is not None and not _is_made_of(mask_path, key):
        return None
    return entry


def _is_made_of(volume: Path, key: str) -> bool:
    """Return whether a volume of ours was made from this input, and is whole."""
    try:
        if read_attributes(volume).get("fingerprint") != key:
            return False
        open_volume(volume)
    except (ValueError, FileNotFoundError):
        return False
    return True


def _left_out(picks: Picks, tomogram: Tomogram, region: NDArray[np.bool_]) -> list[str]:
    """Return a warning if known picks lie where none are to be found."""
    inside = in_region(
        picks.position_zyx, tomogram.voxel_size, tomogram.shape_zyx, -np.inf, region
    )
    num = int(np.count_nonzero(~inside))
    if not num:
        return []
    return [
        f"{tomogram.name}: {num} of {len(picks)} known picks lie outside of the mask,"
        " the slab or too near to gold; they are not trained on, and no picks will be"
        " found there"
    ]


def _stamp(path: Path) -> str:
    """Return what changes when a file or a Zarr folder is replaced."""
    files = sorted(path.rglob("*")) if is_zarr(path) else [path]
    stats = [(str(file), file.stat()) for file in files]
    return fingerprint([(name, s.st_size, s.st_mtime_ns) for name, s in stats])


def _radii(
    names: np.ndarray[tuple[int], np.dtype[np.str_]], particles: tuple[Particle, ...]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    radius = {p.name: p.radius for p in particles}
    return np.array([radius[str(name)] for name in names], np.float64)
