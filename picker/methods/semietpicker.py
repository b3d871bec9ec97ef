"""SemiETPicker and its ablations: burn-in on labels, then a teacher and a student.

Source: Wang et al. 2025, SemiETPicker, section 2 and table 3; vocabulary of Liu et al.
2021, Unbiased Teacher.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from picker.config import (
    BurnInSettings,
    CoTrainSettings,
    PartialSettings,
    PickSettings,
    PredictSettings,
    PretrainSettings,
    TrainSettings,
)
from picker.encodings.heatmap import Gaussians, nms_kernel
from picker.finding.window_finder import heatmap_finder
from picker.methods import Method
from picker.training.co_training import CoTraining
from picker.training.partial_loss import as_learned
from picker.training.patches import PatchDataset
from picker.training.supervised import heatmap_loss, heatmap_task, pretraining_task
from picker.training.teacher import PseudoPicks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.config.methods import Stage
    from picker.finding.finder import Finder
    from picker.methods import Calibrated, Data, ReadSection
    from picker.networks.network import Network
    from picker.training.task import Task

logger = logging.getLogger(__name__)


class SemiETPicker(Method):
    """Two stages, as the sections say.

    With the options multi_view and dropblock co-training is as published, with these
    parts on or off.
    """

    def task(self, stage: Stage, data: Data, model: Network) -> Task | None:
        """Return burn-in, or co-training where there is anything to co-train on."""
        shared = data.section("train", TrainSettings)
        if stage.proposed:
            pretrain = data.section("pretrain", PretrainSettings)
            return pretraining_task(stage.name, model, data.labeled, pretrain, shared)
        partial = data.section("partial", PartialSettings)
        burn_in = data.section("burn_in", BurnInSettings)
        if stage.name == "burn_in":
            return heatmap_task(
                *(stage.name, model, data.labeled, burn_in, shared, partial),
                hidden=data.hidden,
            )
        co_train = data.section("co_train", CoTrainSettings)
        if not data.unlabeled or co_train.steps == 0:
            return None
        co_train, shared = self.switched(co_train, shared)
        encoding = Gaussians(
            sigma_per_radius=shared.sigma_per_radius, floor=shared.floor_targets
        )
        patches = PatchDataset(
            as_learned(data.labeled, partial),
            data.unlabeled,
            shared,
            stage.name,
            encoding,
            stride=model.stride,
            halves=co_train.halves,
        )
        chosen = data.calibrate(model) if co_train.uses_thresholds else {}
        return CoTraining(
            stage.name,
            co_train,
            model,
            patches,
            heatmap_loss(shared, patches),
            pseudo_picks(chosen, data, model.stride, co_train, shared)
            if co_train.pseudo_labels == "picks"
            else None,
            partial,
            data.hidden,
            trusted(chosen, data.particles, co_train) if chosen else None,
            burn_in if co_train.schedule == "continue" else None,
            [particle.name for particle in data.particles],
        )

    def switched(
        self, co_train: CoTrainSettings, shared: TrainSettings
    ) -> tuple[CoTrainSettings, TrainSettings]:
        """Return the settings, those of the paper for its rows of table 3."""
        options = self.row.options
        if not options:
            return co_train, shared
        augment = shared.augment.as_published(dropblock=options["dropblock"])
        return (
            co_train.as_published(multi_view=options["multi_view"]),
            shared.model_copy(update={"augment": augment}),
        )

    def finder(
        self,
        models: Sequence[Network],
        particles: tuple[Particle, ...],
        section: ReadSection,
        device: torch.device,
    ) -> Finder:
        """Return the teacher over a whole tomogram, and the peaks of its heatmap."""
        (model,) = models
        return heatmap_finder(
            model, particles, section("predict", PredictSettings), device
        )


def trusted(
    chosen: Mapping[str, Calibrated],
    particles: Sequence[Particle],
    co_train: CoTrainSettings,
) -> NDArray[np.bool_]:
    """Return `(class,)` which classes burn-in has learned, and log it.

    Where F cannot be told the expected number has chosen the threshold.
    """
    learned = []
    for particle in particles:
        value = chosen[particle.name]
        learned.append(value.f is None or value.f >= co_train.min_f)
        logger.info(
            "%s: the teacher %s, %s",
            particle.name,
            "teaches it" if learned[-1] else "does not teach it",
            "of unknown F"
            if value.f is None
            else f"burn-in reached F {value.f:.2f} at score {value.threshold:.2f}",
        )
    return np.array(learned)


def pseudo_picks(
    chosen: Mapping[str, Calibrated],
    data: Data,
    stride: int,
    co_train: CoTrainSettings,
    shared: TrainSettings,
) -> PseudoPicks:
    """Return the score from which a peak of burn-in teaches."""
    nms_per_radius = data.section("predict", PredictSettings).nms_per_radius
    apart = data.section("pick", PickSettings).min_distance_per_radius
    threshold = np.array([chosen[p.name].threshold for p in data.particles])
    radius = np.array([p.radius for p in data.particles])
    return PseudoPicks(
        threshold=threshold,
        doubt=co_train.doubt * threshold,
        distance=apart * radius / data.voxel_size,
        sigma=shared.sigma_per_radius * radius / data.voxel_size,
        kernels=[
            nms_kernel(r / data.voxel_size, nms_per_radius, stride) for r in radius
        ],
        stride=stride,
    )


METHOD = SemiETPicker
