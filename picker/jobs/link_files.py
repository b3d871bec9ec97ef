"""Detections of one tomogram, ours or another program's boxes, to picks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from picker.config.link import refuse_unlinkable
from picker.finding.detections import linked_candidates
from picker.formats.picks.detections import read_detections
from picker.formats.picks.star import write_picks
from picker.formats.volumes.read import read_geometry
from picker.jobs.slice_boxes import read_slice_boxes
from picker.project.claims import delete_leftovers_of_ended_jobs

if TYPE_CHECKING:
    from pathlib import Path

    from picker.config import LinkSettings, Particle
    from picker.jobs.slice_boxes import SliceImages

logger = logging.getLogger("picker")


def link_files(
    detections: Path,
    tomogram: Path,
    output: Path,
    *,
    particles: tuple[Particle, ...],
    settings: LinkSettings,
    images: SliceImages,
    voxel_size: float | None = None,
    may_be_stack: bool = False,
    may_be_sparse: bool = False,
) -> dict[str, int]:
    """Write the particles that detections are of; return how many of each class.

    Parameters
    ----------
    detections
        A folder of YOLO text files, or a file that predicting wrote.
    tomogram
        The volume that was looked at; its shape and voxel size are read.
    output
        STAR file to write.
    particles
        The classes.
    settings
        What belongs together.
    images
        How the slices of the tomogram were looked at, for a folder.
    voxel_size
        Overrides the volume's own [Å].
    may_be_stack, may_be_sparse
        Doubtful volumes that are read all the same, see `read_geometry`.

    Raises
    ------
    ValueError
        If one of these cannot be used, or what was looked for cannot be linked.
    """
    if not detections.exists():
        raise ValueError(
            f"{detections} does not exist; expected a folder of YOLO text files, or a"
            " STAR file of detections: fix the path"
        )
    shape, voxel_size, warnings = read_geometry(
        tomogram,
        voxel_size,
        may_be_stack=may_be_stack,
        may_be_sparse=may_be_sparse,
    )
    for warning in warnings:
        logger.warning("warning: %s", warning)
    if detections.is_dir():
        found = read_slice_boxes(detections, particles, shape, voxel_size, images)
    else:
        found = read_detections(detections)
    looked = found.min_chord, found.step
    refuse_unlinkable(settings, *looked, ("min_chord", "slice_step"))
    picks = linked_candidates(found, particles, voxel_size, shape[0], settings)
    delete_leftovers_of_ended_jobs(output.parent)
    write_picks(output, picks, {"tomogram": tomogram.name})
    logger.info(
        "%s: %d particles of %d detections in %s",
        *(detections, len(picks), len(found), output),
    )
    return {particle.name: len(picks.of(particle.name)) for particle in particles}
