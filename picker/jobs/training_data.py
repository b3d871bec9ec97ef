"""Manifests to the tomograms that patches are cut from."""

from __future__ import annotations

import logging
import statistics
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from picker import __version__
from picker.config import PartialSettings
from picker.config.base import WITH_PICKS
from picker.core.fingerprint import fingerprint
from picker.core.picks import no_picks
from picker.core.tomogram import index_from_position
from picker.formats.volumes.ome_zarr import open_volume
from picker.jobs.allowed import may_be, where_picks_may_be
from picker.jobs.known_particles import answers_about
from picker.jobs.stored import stored_fingerprint, stored_noise, stored_volume
from picker.project.records import Failed, Preprocessed
from picker.scoring.held_out import held_out
from picker.training.review import Places, Review
from picker.training.source import Noise, PatchSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.config.methods import Stage
    from picker.core.picks import Picks


logger = logging.getLogger("picker")


def usable(entries: Sequence[Preprocessed | Failed], split: str) -> list[Preprocessed]:
    """Return a split's tomograms that preprocessing could use, sorted by name.

    By name, so that neither the table's order nor the shards decide which patch is cut.

    Raises
    ------
    ValueError
        If one with labels failed: training without it would hide the loss of labels
        that somebody made. Unlabeled ones are left out with a warning.
    """
    chosen = sorted(
        (entry for entry in entries if entry.split == split),
        key=lambda entry: entry.tomogram,
    )
    failed = [entry for entry in chosen if isinstance(entry, Failed)]
    if failed and split in WITH_PICKS:
        raise ValueError(
            f"{split} tomogram {failed[0].tomogram} cannot be used: {failed[0].error}."
            " Fix it or take it out of the table"
        )
    for entry in failed:
        logger.warning("warning: training continues without %s", entry.tomogram)
    return [entry for entry in chosen if isinstance(entry, Preprocessed)]


def common_voxel_size(entries: Sequence[Preprocessed]) -> float:
    """Return the mean voxel size [Å] of tomograms that share it within 5%.

    Raises
    ------
    ValueError
        If they do not, as a network sees voxels, not Å; or there is no tomogram.
    """
    if not entries:
        raise ValueError(
            "training needs labeled tomograms, got none; give some rows of the table"
            " split labeled or partial, and picks, or set method: blobs, which needs"
            " none"
        )
    sizes = [entry.voxel_size for entry in entries]
    if max(sizes) > 1.05 * min(sizes):
        low = min(entries, key=lambda e: e.voxel_size)
        high = max(entries, key=lambda e: e.voxel_size)
        raise ValueError(
            f"{low.tomogram} has {low.voxel_size:g} Å voxels, {high.tomogram}"
            f" {high.voxel_size:g} Å; set preprocess.target_voxel_size:"
            f" {high.voxel_size:g}"
        )
    return statistics.fmean(sizes)


def inputs_key(entries: Sequence[Preprocessed]) -> str:
    """Return a digest of the program's version and of every volume trained on."""
    volumes = [(entry.tomogram, stored_fingerprint(entry)) for entry in entries]
    return fingerprint(__version__, volumes)


def sources_key(sources: Sequence[PatchSource]) -> list[object]:
    """Return what is known of tomograms, as part of a fingerprint."""
    return [
        (
            *(source.name, source.index_zyx.tolist(), str(source.hidden)),
            source.outside_zyx.tolist(),
            [[a.tolist() for a in places] for places in source.review or ()],
        )
        for source in sources
    ]


def known_key(entries: Sequence[Preprocessed]) -> str:
    """Return a digest of tomograms that F1 comes from, and of their particles."""
    labels = [entry.labels.read_text() for entry in entries if entry.labels]
    return fingerprint(inputs_key(entries), labels)


def patch_source(
    entry: Preprocessed,
    particles: tuple[Particle, ...],
    partial: PartialSettings | None = None,
    *,
    labeled: bool = False,
) -> PatchSource:
    """Return a tomogram to cut patches from.

    Nobody looked for particles outside of its mask: neither picks nor their absence
    count there, nor within the radius of a pick outside.

    Parameters
    ----------
    entry
        The tomogram.
    particles
        The classes.
    partial
        What is made of labels that are a part of the particles.
    labeled
        Whether its picks are taken.
    """
    volume, voxel_size = stored_volume(entry), entry.voxel_size
    number = {particle.name: i for i, particle in enumerate(particles)}

    def numbers(some: Picks) -> NDArray[np.int64]:
        return np.array([number[str(name)] for name in some.particle], np.int64)

    def places(some: Picks) -> Places:
        return Places(index_from_position(some.position_zyx, voxel_size), numbers(some))

    picks, outside, hidden, review = no_picks(), no_picks(), None, None
    if labeled and entry.labels:
        answers = answers_about(entry)
        known, inside = answers.right, may_be(answers.right, entry)
        picks, outside = known.select(inside), known.select(~inside)
        if entry.split == "reviewed":
            wrong = where_picks_may_be(answers.wrong, entry)
            review = Review(places(wrong), places(answers.unjudged))
        if entry.split == "partial":
            settings = partial or PartialSettings()
            picks, _ = held_out(picks, settings.held_out)
            hidden = np.array(
                [
                    settings.expected_factor * entry.expected.get(p.name, np.nan)
                    - len(picks.of(p.name))
                    for p in particles
                ]
            )
    noise = stored_noise(entry)
    return PatchSource(
        name=entry.tomogram,
        volume=volume,
        index_zyx=index_from_position(picks.position_zyx, voxel_size),
        particle=numbers(picks),
        radius=np.array([p.radius for p in particles]) / voxel_size,
        # A factor may leave fewer than there are labels.
        hidden=None if hidden is None else np.maximum(hidden, 0),
        region=open_volume(entry.mask)[0] if entry.mask else None,
        outside_zyx=index_from_position(outside.position_zyx, voxel_size),
        outside_particle=numbers(outside),
        noise=None if noise is None else Noise(noise, entry.noise_spread or 0.0),
        review=review,
    )


def labeled_where_picked(
    entries: Sequence[Preprocessed | Failed],
) -> list[Preprocessed | Failed]:
    """Return the tomograms, those unlabeled ones labeled that have picks.

    Raises
    ------
    ValueError
        If no unlabeled one has picks: then only labeled tomograms would be trained on.
    """
    with_picks = [
        entry
        for entry in entries
        if entry.split == "unlabeled"
        and isinstance(entry, Preprocessed)
        and entry.labels
    ]
    if not with_picks:
        number = sum(entry.split == "unlabeled" for entry in entries)
        raise ValueError(
            "this method trains on unlabeled tomograms that have picks, but none of the"
            f" {number} has; name their files in the table's column picks, or take a"
            " method that trains on labeled tomograms alone"
        )
    return [
        replace(entry, split="labeled") if entry in with_picks else entry
        for entry in entries
    ]


def labeled_entries(
    entries: Sequence[Preprocessed | Failed], stage: Stage
) -> list[Preprocessed]:
    """Return the tomograms whose labels a stage sees, sorted by name in each split.

    Raises
    ------
    ValueError
        If one of them failed, as `usable` does.
    """
    splits = [split for split in WITH_PICKS if split in stage.labeled]
    return [entry for split in splits for entry in usable(entries, split)]


def labeled_sources(
    entries: Sequence[Preprocessed],
    particles: tuple[Particle, ...],
    partial: PartialSettings,
) -> list[PatchSource]:
    """Return the labeled tomograms, and check that every particle has picks.

    Raises
    ------
    ValueError
        If there is no labeled tomogram, or not one pick in all of them.
    """
    sources = [patch_source(e, particles, partial, labeled=True) for e in entries]
    counts = sum(
        (np.bincount(s.particle, minlength=len(particles)) for s in sources),
        np.zeros(len(particles), np.int64),
    )
    if not sources or not counts.any():
        raise ValueError(
            f"training needs picks, got {len(sources)} labeled tomograms with"
            f" {counts.sum()}; give some rows of the table split labeled or"
            " partial, and picks"
        )
    if wrong := sum(len(s.review.wrong.particle) for s in sources if s.review):
        logger.info("%d places where somebody said that no particle is", wrong)
    for particle, count in zip(particles, counts, strict=True):
        logger.info("%s: %d labeled picks", particle.name, count)
        if count == 0:
            logger.warning(
                "warning: no labeled pick of %s; it cannot be learned", particle.name
            )
    return sources
