"""Write the picks of all tomograms for one other program."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from picker.core.files import written_whole
from picker.formats.picks.records import TomogramPicks
from picker.formats.picks.star import read_picks
from picker.formats.picks.targets import write_target
from picker.formats.tables.tilt_series import with_tilt_series
from picker.formats.text import listed
from picker.jobs.export_record import OF_RELION, Origin, export_record
from picker.jobs.failures import cannot_be_used
from picker.jobs.pick_files import offset_classes, picks_alone
from picker.jobs.told_warnings import told_warnings
from picker.machine.progress import tracked
from picker.project.claims import claimed
from picker.project.exported import write_exported
from picker.project.manifests import read_picked, write_manifest
from picker.project.records import Failed, Picked
from picker.refining.offsets import ENTRIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from picker.config import ExportSettings, Particle, Target
    from picker.core.picks import Picks

logger = logging.getLogger("picker")

NOT_KNOWN = Origin()


def export(
    manifests: Sequence[Path],
    target: Target,
    output: Path,
    particles: Sequence[Particle],
    settings: ExportSettings,
    failed: Path | None = None,
    origin: Origin = NOT_KNOWN,
) -> dict[str, int]:
    """Export to one target, and return how many picks each tomogram has.

    The folder is there whole or not at all.

    Parameters
    ----------
    manifests
        Manifests of picks.
    target
        Which program.
    output
        Folder to write; claimed while this job works at it.
    particles
        Classes to write.
    settings
        What the target reads.
    failed
        Manifest to write of tomograms whose picks cannot be read; the others are
        exported.
    origin
        Run, thresholds and settings, for the record of where the picks came from.

    Raises
    ------
    ValueError
        If the target cannot hold these picks, such as two tomograms of one name.
    """
    with claimed(output), told_warnings() as warnings:
        usable, tomograms, unusable = [], [], []
        entries = read_picked(manifests)
        if target != "kaggle":
            _refuse_offsets(entries, target)
        for entry in tracked(entries, "export", len(entries), "tomograms"):
            if isinstance(entry, Failed):
                continue
            try:
                tomograms.append(tomogram_picks(entry, read_picks))
                usable.append(entry)
            except Exception as error:
                unusable.append(cannot_be_used(entry, entry.picks, error))
        if settings.tomograms_star and target in OF_RELION:
            tomograms = with_tilt_series(settings.tomograms_star, tomograms)
        with written_whole(output) as folder:
            folder.mkdir()
            write_target(target, folder, tomograms, particles, settings, output)
            written = list(zip(usable, tomograms, strict=True))
            record = export_record(origin, target, folder, written, particles, settings)
            write_exported(folder, replace(record, warnings=tuple(warnings)))
        if failed:
            write_manifest(failed, unusable)
        logger.info("%s: picks of %d tomograms", output, len(tomograms))
    return {one.tomogram: len(one.picks) for one in tomograms}


def _refuse_offsets(entries: Sequence[Picked | Failed], target: Target) -> None:
    """Check that no file has entries around its picks.

    Raises
    ------
    ValueError
        If one has: other programs would take each for a particle.
    """
    for entry in entries:
        if isinstance(entry, Failed) or not entry.picks.is_file():
            continue
        if names := offset_classes(entry.picks):
            raise ValueError(
                f"{entry.picks} has {ENTRIES} entries a pick of {listed(names)}, which"
                f" {target} would take for as many particles; expected them in Kaggle's"
                " file alone. Leave pick.offsets.particles empty and pick again, or"
                " export kaggle"
            )


def tomogram_picks(
    entry: Picked, read: Callable[[Path], Picks] = picks_alone
) -> TomogramPicks:
    """Return a tomogram's picks with the geometry of the user's own file.

    `read` reads them. Positions [Å] hold for it and for the preprocessed volume. Voxels
    hold for the user's file alone if the volume was rescaled.
    """
    before = entry.preprocessed
    voxel_size, shape = before.source_voxel_size, before.source_shape_zyx
    picks = read(entry.picks)
    # Larger voxels may reach a little beyond the faces of those they were made of.
    last = (np.array(shape) - 0.5) * voxel_size
    return TomogramPicks(
        tomogram=entry.tomogram,
        voxel_size=voxel_size,
        shape_zyx=shape,
        picks=replace(
            picks, position_zyx=np.clip(picks.position_zyx, -0.5 * voxel_size, last)
        ),
        tilt_pixel_size=before.tilt_pixel_size,
        called=before.called,
        file=before.source,
    )
