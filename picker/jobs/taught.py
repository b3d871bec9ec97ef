"""What proposals taught in one tomogram, and what came of it, kept for the report."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from picker.core.files import write_json
from picker.core.picks import concatenate, picks_from_arrays
from picker.core.tomogram import position_from_index
from picker.jobs.found import allowed_candidates
from picker.jobs.proposals_shown import SavedPicks, SavedProposals
from picker.jobs.stored import whole_volume
from picker.refining.proposals import of_best_class
from picker.refining.select import classes_apart
from picker.report.proposals import any_particle, fullest_height
from picker.report.slices import slice_at
from picker.report.webp import small_webp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import Particle
    from picker.core.picks import Picks
    from picker.finding.finder import Finder
    from picker.project.records import Preprocessed
    from picker.training.source import PatchSource

MAX_PIXELS = 160_000
"""Of the picture."""
MAX_BYTES = 30_000
"""Of the picture's file."""


def write_proposals(
    path: Path,
    stage: str,
    taught: Sequence[tuple[Preprocessed, PatchSource]],
    particles: tuple[Particle, ...],
    finder: Finder,
    *,
    any_class: bool,
    are_given: bool,
) -> None:
    """Write what taught in one tomogram, and what the network then finds there.

    It is the tomogram with most proposals, of the labeled ones if there are any, for
    there one sees which are right. The slice is that which cuts most of them.

    Parameters
    ----------
    path
        JSON to write, whole or not at all.
    stage
        The stage that learned.
    taught
        The tomograms, and the same with proposals as labels.
    particles
        The classes.
    finder
        Finds with what was learned.
    any_class
        Whether each proposal taught all classes alike: then it counts once.
    are_given
        Whether they are the tomograms' own picks.

    Raises
    ------
    ValueError
        If the tomogram cannot be read.
    """
    entry, source = max(
        taught, key=lambda one: (one[0].split == "labeled", len(one[1].particle))
    )
    names = np.array([particle.name for particle in particles], np.str_)
    position_zyx = position_from_index(source.index_zyx, entry.voxel_size)
    proposals = picks_from_arrays(position_zyx, names[source.particle])
    drawn: Sequence[Particle] = particles
    if any_class:
        drawn = [any_particle(particles)]
        once = proposals.of(particles[0].name)
        proposals = replace(once, particle=np.full(len(once), drawn[0].name))
    found = _as_many(
        allowed_candidates(entry, finder), proposals, particles, any_class=any_class
    )
    depth, height, width = entry.shape_zyx
    index_z = fullest_height(proposals, drawn, entry.voxel_size, depth)
    # A particle is as thick as this at least, and noise is less.
    thickness = max(1, round(min(p.radius for p in particles) / entry.voxel_size))
    picture = slice_at(whole_volume(entry), index_z, thickness, MAX_PIXELS)
    saved = SavedProposals(
        tomogram=entry.tomogram,
        stage=stage,
        voxel_size=entry.voxel_size,
        size=(width, height),
        z=index_z * entry.voxel_size,
        webp=base64.b64encode(small_webp(picture, MAX_BYTES)).decode("ascii"),
        any_class=any_class,
        are_given=are_given,
        proposals=SavedPicks.of(proposals),
        found=SavedPicks.of(found),
    )
    write_json(path, saved.model_dump(mode="json"))


def _as_many(
    candidates: Picks,
    proposals: Picks,
    particles: tuple[Particle, ...],
    *,
    any_class: bool,
) -> Picks:
    """Return the best candidates of each class, as many as there were proposals."""
    if any_class:
        found = of_best_class(candidates, particles)
        best_first = np.argsort(-found.score, kind="stable")
        return found.select(best_first[: len(proposals)])
    found = classes_apart(candidates, particles, 1.0)
    parts = [found.of(particle.name) for particle in particles]
    return concatenate(
        part.select(np.arange(min(len(part), len(proposals.of(particle.name)))))
        for part, particle in zip(parts, particles, strict=True)
    )
