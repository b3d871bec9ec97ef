"""Tomograms with proposals in place of labels, to train on."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from picker.config.methods import METHODS
from picker.core.tomogram import index_from_position
from picker.jobs.allowed import where_picks_may_be
from picker.jobs.densities import read_densities
from picker.jobs.found import allowed_candidates
from picker.jobs.known_particles import known_particles
from picker.jobs.training_data import patch_source, usable
from picker.machine.progress import tracked
from picker.methods import load
from picker.networks.transfer import move_scores
from picker.refining.proposals import (
    for_every_class,
    proposals_of,
    scores_of_number,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from picker.config import Particle, PretrainSettings
    from picker.config.methods import Stage
    from picker.finding.finder import Finder
    from picker.methods import ReadSection
    from picker.networks.network import Network
    from picker.project.records import Failed, Preprocessed
    from picker.training.source import PatchSource

logger = logging.getLogger("picker")

LEAST_LEARNED = 0.03
"""Score of the last of as many candidates as taught below which a network, which begins
with 0.02 everywhere, has not learned what they are."""


def proposed_entries(
    entries: Sequence[Preprocessed | Failed], stage: Stage, settings: PretrainSettings
) -> list[Preprocessed]:
    """Return the tomograms in which a stage's proposals are, labeled ones first.

    Raises
    ------
    ValueError
        If there is none, or one with labels failed.
    """
    splits = sorted(stage.proposed, key=lambda split: split == "unlabeled")
    found = [entry for split in splits for entry in usable(entries, split)]
    if settings.proposals == "picks":
        found = [entry for entry in found if entry.labels]
    if not found:
        which = " with a file in the column picks" * (settings.proposals == "picks")
        raise ValueError(
            f"stage {stage.name} learns from proposals in unlabeled and labeled"
            f" tomograms{which}, got none; give some rows of the table split unlabeled"
        )
    return found[: settings.tomograms]


def proposer(
    settings: PretrainSettings,
    particles: tuple[Particle, ...],
    section: ReadSection,
    device: torch.device,
) -> Finder | None:
    """Return the method that makes proposals; None: they are the tomograms' picks.

    Raises
    ------
    ValueError
        If a density map that it finds by cannot be read.
    """
    name = settings.proposals
    if name == "picks":
        return None
    assert name != "none", "the settings refuse a stage without proposals"
    maps = read_densities(particles) if METHODS[name].densities else None
    return load(name, maps).finder([], particles, section, device)


def proposed_sources(
    entries: Sequence[Preprocessed],
    particles: tuple[Particle, ...],
    settings: PretrainSettings,
    finder: Finder | None,
    *,
    least: float,
    for_all: bool = False,
) -> list[PatchSource]:
    """Return the tomograms with proposals as labels, and log how many teach.

    Doubtful ones lie outside of what is known, as labels do that a mask excludes.

    Parameters
    ----------
    entries
        The tomograms.
    particles
        The classes.
    settings
        Which proposals teach.
    finder
        Makes the proposals; None: they are the tomograms' picks, all of them sure.
    least
        Least score of one that teaches.
    for_all
        Whether it teaches every class alike.

    Raises
    ------
    ValueError
        If no proposal is sure enough to teach.
    """
    number = {particle.name: i for i, particle in enumerate(particles)}
    sources, totals = [], np.zeros((2, len(particles)), np.int64)
    for entry in tracked(entries, "proposals", len(entries), "tomograms"):
        candidates = (
            where_picks_may_be(known_particles(entry), entry)
            if finder is None
            else allowed_candidates(entry, finder)
        )
        found = (for_every_class if for_all else proposals_of)(
            candidates,
            particles,
            0.0 if finder is None else least,
            settings.doubt,
            settings.top,
        )
        index = [index_from_position(p.position_zyx, entry.voxel_size) for p in found]
        classes = [
            np.array([number[str(name)] for name in picks.particle], np.int64)
            for picks in found
        ]
        totals += [np.bincount(c, minlength=len(particles)) for c in classes]
        sources.append(
            replace(
                patch_source(entry, particles),
                index_zyx=index[0],
                particle=classes[0],
                outside_zyx=index[1],
                outside_particle=classes[1],
            )
        )
    for particle, sure, doubtful in zip(particles, *totals.tolist(), strict=True):
        logger.info(
            "%s: %d proposals teach and %d are doubtful, in %d tomograms",
            *(particle.name, sure, doubtful, len(entries)),
        )
        if not sure:
            logger.warning(
                "warning: no proposal of %s is sure; it is not learned before labels",
                particle.name,
            )
    if not totals[0].any():
        raise ValueError(
            f"no proposal in {len(entries)} tomograms has a score of at least"
            f" {least:g}; lower pretrain.min_score, check the particles' radius, or set"
            " pretrain.proposals to none"
        )
    return sources


def set_scores(
    model: Network,
    finder: Finder,
    entries: Sequence[Preprocessed],
    particles: tuple[Particle, ...],
    taught: Sequence[PatchSource],
) -> None:
    """Move a model's scores so that as many candidates as were taught have 0.5 or more.

    Parameters
    ----------
    model
        Whose last layer changes.
    finder
        Finds with the model as it is.
    entries
        The tomograms that it was taught in.
    particles
        The classes.
    taught
        The same with what was taught as labels.
    """
    numbers = np.bincount(
        np.concatenate([source.particle for source in taught]), minlength=len(particles)
    ).tolist()
    found = [
        allowed_candidates(entry, finder)
        for entry in tracked(entries, "scores", len(entries), "tomograms")
    ]
    scores = scores_of_number(found, particles, numbers)
    for particle, score, number in zip(particles, scores, numbers, strict=True):
        logger.info(
            "%s: score %.3f becomes 0.5, as %d proposals of it taught",
            *(particle.name, score, number),
        )
        if number and score < LEAST_LEARNED:
            logger.warning(
                "warning: %s is hardly learned, most of its picks will be wrong: train"
                " longer, with more of pretrain.steps",
                particle.name,
            )
    move_scores(model, scores)
