"""What both training verbs share: manifests to patches, and validation."""

from __future__ import annotations

import logging
import statistics
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from picker import __version__
from picker.config import CalibrateSettings, Particle
from picker.core.fingerprint import fingerprint
from picker.core.picks import no_picks
from picker.core.tomogram import index_from_position
from picker.formats.picks.star import read_picks
from picker.formats.volumes.ome_zarr import open_volume
from picker.jobs.model_card import model_fingerprint, read_card
from picker.jobs.region import where_picks_may_be
from picker.jobs.stored import stored_fingerprint, stored_volume
from picker.networks.transfer import take_over
from picker.project.records import Failed, Preprocessed
from picker.scoring.calibrate import calibrate
from picker.training.checkpoint import load_weights
from picker.training.patches import PatchSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from picker.finding.finder import Finder
    from picker.networks.network import Network
    from picker.scoring.calibrate import Threshold

logger = logging.getLogger("picker")


def usable(entries: Sequence[Preprocessed | Failed], split: str) -> list[Preprocessed]:
    """Return a split's tomograms that preprocessing could use, sorted by name.

    So neither the order of the table nor the shards decide which patch is cut when.

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
    if failed and split in ("labeled", "validation"):
        raise ValueError(
            f"{split} tomogram {failed[0].tomogram} cannot be used: {failed[0].error}."
            " Fix it or take it out of the table"
        )
    for entry in failed:
        logger.warning("warning: training goes on without %s", entry.tomogram)
    return [entry for entry in chosen if isinstance(entry, Preprocessed)]


def common_voxel_size(entries: Sequence[Preprocessed]) -> float:
    """Return the voxel size [Å] that all tomograms share within 5%.

    Raises
    ------
    ValueError
        If there is none: a network sees voxels, not Å.
    """
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


def patch_source(entry: Preprocessed, particles: tuple[Particle, ...]) -> PatchSource:
    """Return a tomogram to cut patches from; only labeled ones bring their picks.

    Nobody looked for particles outside of its mask: neither picks nor their absence
    count there.
    """
    volume, voxel_size = stored_volume(entry), entry.voxel_size
    labeled = entry.split == "labeled" and entry.labels is not None
    picks = read_picks(entry.labels) if labeled and entry.labels else no_picks()
    picks = where_picks_may_be(picks, entry)
    number = {particle.name: i for i, particle in enumerate(particles)}
    return PatchSource(
        name=entry.tomogram,
        volume=volume,
        index_zyx=index_from_position(picks.position_zyx, voxel_size),
        particle=np.array([number[str(name)] for name in picks.particle], np.int64),
        radius=np.array([p.radius for p in particles]) / voxel_size,
        region=open_volume(entry.mask)[0] if entry.mask else None,
    )


def all_labels(
    entries: Sequence[Preprocessed | Failed],
) -> list[Preprocessed | Failed]:
    """Return the tomograms with unlabeled ones that have picks turned labeled.

    Raises
    ------
    ValueError
        If there is none such: then this would be supervised training.
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
            "supervised_full trains on unlabeled tomograms that have picks, but none of"
            f" the {number} has; name their files in the table's column picks, or take"
            " method: supervised"
        )
    return [
        replace(entry, split="labeled") if entry in with_picks else entry
        for entry in entries
    ]


def labeled_sources(
    entries: Sequence[Preprocessed | Failed], particles: tuple[Particle, ...]
) -> list[PatchSource]:
    """Return the labeled tomograms, and check that every particle has picks.

    Raises
    ------
    ValueError
        If there is no labeled tomogram, or not one pick in all of them.
    """
    sources = [patch_source(e, particles) for e in usable(entries, "labeled")]
    counts = sum(
        (np.bincount(s.particle, minlength=len(particles)) for s in sources),
        np.zeros(len(particles), np.int64),
    )
    if not sources or not counts.any():
        raise ValueError(
            f"training needs picks, got {len(sources)} labeled tomograms with"
            f" {counts.sum()}; give some rows of the table split labeled and picks"
        )
    for particle, count in zip(particles, counts, strict=True):
        logger.info("%s: %d labeled picks", particle.name, count)
        if count == 0:
            logger.warning(
                "warning: no labeled pick of %s; it cannot be learned", particle.name
            )
    return sources


def begin_from(
    model: Network, path: Path | None, particles: Sequence[Particle], voxel_size: float
) -> str:
    """Give a model another's weights, and return that one's fingerprint.

    Without a path the model stays as it is and the fingerprint is empty.

    Raises
    ------
    ValueError
        If the file is no model, or one of another network.
    """
    if path is None:
        return ""
    card = read_card(path)
    weights, _ = load_weights(path)
    try:
        shared = take_over(
            model,
            weights,
            [particle.name for particle in particles],
            [particle.name for particle in card.particles],
        )
    except ValueError as error:
        raise ValueError(f"cannot begin from {path}: {error}") from error
    trained_on = card.training_voxel_size or voxel_size
    if abs(trained_on / voxel_size - 1) > 0.05:
        logger.warning(
            "warning: %s saw voxels of %g Å, these tomograms have %g Å: what it has"
            " learned may help little",
            path,
            trained_on,
            voxel_size,
        )
    logger.info(
        "begins from %s, a model of stage %s with %d classes, %s",
        path,
        card.stage,
        len(card.particles),
        f"{', '.join(shared)} among them" if shared else "none of them the same",
    )
    return model_fingerprint(path)


def thresholds_of(
    finder: Finder,
    entries: Sequence[Preprocessed],
    particles: tuple[Particle, ...],
) -> dict[str, Threshold]:
    """Return each class's best threshold and F1 on tomograms with labels."""
    candidates, truth = {}, {}
    for entry in entries:
        found = finder.candidates(stored_volume(entry), entry.voxel_size)
        assert entry.labels is not None
        candidates[entry.tomogram] = where_picks_may_be(found, entry)
        truth[entry.tomogram] = where_picks_may_be(read_picks(entry.labels), entry)
    return calibrate(candidates, truth, particles, CalibrateSettings())


def validation(
    entries: Sequence[Preprocessed | Failed],
    particles: tuple[Particle, ...],
    finder: Callable[[Network], Finder],
) -> Callable[[Network], float] | None:
    """Return what gives a model's mean F1 on the validation tomograms, if any.

    Each class's threshold is the best on the same tomograms: it shows progress, the
    evaluation proper is another stage.
    """
    chosen = usable(entries, "validation")
    if not chosen:
        return None

    def mean_f1(model: Network) -> float:
        best = thresholds_of(finder(model), chosen, particles)
        return statistics.fmean(value.f for value in best.values())

    return mean_f1
