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
from picker.finding.slice_finder import SliceFinder
from picker.finding.square_detector import SquareDetector
from picker.methods import Method, blob_finder, without_doubtful
from picker.networks.detr.transformer import DetectionTransformer
from picker.training.detr.losses import CLIP, square_losses
from picker.training.doubt import best, blobs
from picker.training.slices import SliceDataset
from picker.training.square_task import SquareTask

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray

    from picker.config import Particle, Settings
    from picker.config.methods import Stage
    from picker.config.upicker import OnBlobsSettings
    from picker.methods import Data, ReadSection
    from picker.networks.network import Network
    from picker.training.source import PatchSource

logger = logging.getLogger(__name__)

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
        sources = list(data.labeled)
        if stage.name != "pretrain":
            schedule = data.section("burn_in", BurnInSettings)
            sources = without_doubtful(data)
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
        predict = section("predict", PredictSettings)
        return SliceFinder(
            detector=SquareDetector(model=model, min_score=predict.min_score),
            particles=particles,
            link=section("link", LinkSettings),
            channels=model.settings.channels,
            min_chord=section("upicker", UPickerSettings).min_chord,
            step=predict.slice_step,
            device=device,
        )


def with_blobs(data: Data) -> list[PatchSource]:
    """Return all tomograms with their blobs in place of labels.

    As many of each class as a tomogram of that size should have; where that is unknown,
    those that stand out of the noise. Of classes that have a blob within a radius of
    each other the one that stands out most has it.
    """
    find = blob_finder(data).candidates
    density = particles_per_voxel(data.labeled, len(data.particles))
    found = []
    for source in (*data.labeled, *data.unlabeled):
        index, number, score = blobs(find, source, data.particles)
        kept = np.concatenate(
            [
                best(score, np.flatnonzero(number == kind), density[kind] * source.room)
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
