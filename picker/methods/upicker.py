"""UPicker: a detection transformer on slices, trained on blobs, then on labels.

Source: Zhang et al. 2024, UPicker: a semi-supervised particle picking transformer
method for cryo-EM micrographs, https://doi.org/10.1093/bib/bbae636; docs/upicker.md
says where this differs and why.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from picker.config import (
    BurnInSettings,
    LinkSettings,
    PredictSettings,
    TrainSettings,
    UPickerSettings,
)
from picker.encodings.nearby import first_within
from picker.finding.finder import CPU
from picker.finding.slice_finder import SliceFinder
from picker.finding.square_detector import SquareDetector
from picker.methods import Method, load
from picker.networks.detr.transformer import DetectionTransformer
from picker.training.detr.losses import CLIP, square_losses
from picker.training.slices import SliceDataset
from picker.training.square_task import SquareTask

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray

    from picker.config import Particle, Settings
    from picker.config.methods import Stage
    from picker.config.upicker import OnBlobsSettings
    from picker.finding.finder import Finder
    from picker.methods import Data, ReadSection
    from picker.networks.network import Network
    from picker.training.source import PatchSource

logger = logging.getLogger(__name__)

SURE = 0.5
"""Score of a blob from which it counts where no tomogram says how many there are."""
LOOKED_AT = 50
"""Steps whose batches are looked at for patches with more particles than queries."""


class UPicker(Method):
    """Two stages: blobs of all tomograms, then labels."""

    def network(self, settings: Settings, num_particles: int) -> DetectionTransformer:
        """Return an untrained detection transformer."""
        assert isinstance(settings, UPickerSettings)
        return DetectionTransformer(settings.network, num_particles)

    def proposals(self, stage: Stage, data: Data) -> list[PatchSource] | None:
        """Return all tomograms with blobs, for a first stage that has steps."""
        steps = data.section("upicker", UPickerSettings).pretrain.steps
        return with_blobs(data) if stage.name == "pretrain" and steps else None

    def task(self, stage: Stage, data: Data, model: Network) -> SquareTask | None:
        """Return training on blobs, unless it has no step, or on labels.

        Raises
        ------
        ValueError
            If a tomogram is narrower than a patch.
        """
        assert isinstance(model, DetectionTransformer)
        settings = data.section("upicker", UPickerSettings)
        schedule: OnBlobsSettings | BurnInSettings = settings.pretrain
        sources = data.labeled
        if stage.name != "pretrain":
            schedule = data.section("burn_in", BurnInSettings)
            sources = [without_doubtful(source, data) for source in sources]
        elif not schedule.steps:
            return None
        patches = SliceDataset(
            sources,
            data.section("train", TrainSettings),
            stage.name,
            "upicker.network.edge",
            batch_size=settings.batch_size,
            edge=model.settings.edge,
            channels=model.settings.channels,
            min_chord=settings.min_chord,
        )
        warn_of_few_queries(patches, model.settings.queries)
        losses = partial(
            square_losses,
            num_particles=len(data.particles),
            denoising=settings.denoising,
        )
        return SquareTask(
            *(stage.name, schedule, model, patches, model.settings.channels, losses),
            schedule.ema_decay,
            CLIP,
        )

    def finder(
        self,
        models: Sequence[Network],
        particles: tuple[Particle, ...],
        section: ReadSection,
        device: torch.device,
    ) -> SliceFinder:
        """Return the network over all slices, and what is linked of its squares."""
        (model,) = models
        assert isinstance(model, DetectionTransformer)
        return SliceFinder(
            detector=SquareDetector(
                model=model, min_score=section("predict", PredictSettings).min_score
            ),
            particles=particles,
            link=section("link", LinkSettings),
            channels=model.settings.channels,
            min_chord=section("upicker", UPickerSettings).min_chord,
            device=device,
        )


def with_blobs(data: Data) -> list[PatchSource]:
    """Return all tomograms with their blobs in place of labels.

    As many of each class as a tomogram of that size should have; where that is unknown,
    those that stand out of the noise. Of classes that have a blob within a radius of
    each other the one that stands out most has it.
    """
    finder = blob_finder(data)
    density = particles_per_voxel(data.labeled, len(data.particles))
    found = []
    for source in (*data.labeled, *data.unlabeled):
        index, number, score = blobs(finder, source, data.particles)
        kept = np.concatenate(
            [
                _best(
                    score, np.flatnonzero(number == kind), density[kind] * source.room
                )
                for kind in range(len(data.particles))
            ]
        )
        found.append(
            replace(
                source,
                index_zyx=index[kept],
                particle=number[kept],
                hidden=None,
                outside_zyx=np.zeros((0, 3)),
                outside_particle=np.zeros(0, np.int64),
            )
        )
    logger.info(
        "%d blobs in %d tomograms stand for particles",
        sum(len(source.particle) for source in found),
        len(found),
    )
    return found


def without_doubtful(source: PatchSource, data: Data) -> PatchSource:
    """Return a tomogram where blobs without a label are neither particle nor none.

    Of a tomogram all of whose particles have labels nothing is in doubt.
    """
    if source.hidden is None:
        return source
    index, number, score = blobs(blob_finder(data), source, data.particles)
    kept = np.concatenate(
        [
            _best(score, np.flatnonzero(number == kind), labeled + hidden)
            for kind, (labeled, hidden) in enumerate(
                zip(
                    np.bincount(source.particle, minlength=len(data.particles)),
                    source.hidden,
                    strict=True,
                )
            )
        ]
    )
    return replace(
        source,
        outside_zyx=np.concatenate([source.outside_zyx, index[kept]]),
        outside_particle=np.concatenate([source.outside_particle, number[kept]]),
    )


def blob_finder(data: Data) -> Finder:
    """Return the filter of method blobs."""
    return load("blobs").finder([], data.particles, data.section, CPU)


def blobs(
    finder: Finder, source: PatchSource, particles: tuple[Particle, ...]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float32]]:
    """Return blobs in the region of a tomogram, one a place, best first.

    Returns
    -------
    `(n, 3)` centres [voxels], `(n,)` class numbers, `(n,)` scores.
    """
    region = None if source.region is None else np.asarray(source.region[:]) > 0
    voxel_size = particles[0].radius / float(source.radius[0])
    picks = finder.candidates(source.volume, voxel_size, region)
    index = picks.position_zyx / voxel_size
    numbers = {particle.name: i for i, particle in enumerate(particles)}
    number = np.array([numbers[str(name)] for name in picks.particle], np.int64)
    inside = np.array(
        [
            source.known(np.round(place).astype(np.int64), (1, 1, 1), 1).item() > 0
            for place in index
        ],
        np.bool_,
    )
    chosen = np.flatnonzero(inside)
    chosen = chosen[first_within(index[chosen], float(source.radius.min()))]
    return index[chosen], number[chosen], picks.score[chosen]


def particles_per_voxel(
    sources: Sequence[PatchSource], num_particles: int
) -> NDArray[np.float64]:
    """Return `(class,)` how dense particles are where all have labels, or are counted.

    NaN where no tomogram tells.
    """
    number, room = np.zeros(num_particles), np.zeros(num_particles)
    for source in sources:
        hidden = np.zeros(num_particles) if source.hidden is None else source.hidden
        told = np.isfinite(hidden)
        labeled = np.bincount(source.particle, minlength=num_particles)
        number[told] += (labeled + hidden)[told]
        room[told] += source.room
    return np.where(room > 0, number / np.where(room > 0, room, 1), np.nan)


def _best(
    score: NDArray[np.float32], which: NDArray[np.intp], number: float
) -> NDArray[np.intp]:
    """Return the best so many of some; of an unknown number those that are sure."""
    if np.isnan(number):
        return which[score[which] >= SURE]
    return which[: round(number)]


def warn_of_few_queries(patches: SliceDataset, queries: int) -> None:
    """Warn if patches show more particles than the network can answer."""
    most = max(patches.plan(step).rest.target.shape[1] for step in range(LOOKED_AT))
    if most > queries:
        logger.warning(
            "warning: up to %d particles lie on a patch, and the network has %d"
            " queries: it cannot find all; raise upicker.network.queries to %d or lower"
            " upicker.network.edge",
            *(most, queries, round(1.5 * most)),
        )


METHOD = UPicker
