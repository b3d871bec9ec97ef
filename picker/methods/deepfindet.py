"""A residual U-Net that segments spheres, and connected components for particles.

Source: Wang et al. 2025, SemiETPicker, section 3.3 (the baseline DeepFindET); Moebel
et al. 2021, DeepFinder; copick/DeepFindET, commit 15cef0e (deepfindet_published).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.config import (
    BurnInSettings,
    CoTrainSettings,
    DeepFindETSettings,
    PredictSettings,
    TrainSettings,
)
from picker.encodings.spheres import Spheres
from picker.finding.window_finder import WindowFinder
from picker.methods import Method
from picker.training.patches import PatchDataset
from picker.training.supervised import (
    SegmentationLoss,
    Supervised,
    as_long_as_both,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from picker.config import Particle
    from picker.config.methods import Stage
    from picker.finding.finder import Finder
    from picker.methods import Data, ReadSection
    from picker.networks.network import Network
    from picker.training.task import Task


class DeepFindET(Method):
    """One stage, with as many steps as burn-in and co-training have together."""

    def task(self, stage: Stage, data: Data, model: Network) -> Task:
        """Return supervised training of a segmentation."""
        settings = as_long_as_both(
            data.section("burn_in", BurnInSettings),
            data.section("co_train", CoTrainSettings),
        )
        shared = data.section("train", TrainSettings)
        patches = PatchDataset(
            data.labeled, [], shared, stage.name, Spheres(), stride=model.stride
        )
        loss = loss_of(data.section("deepfindet", DeepFindETSettings), data.particles)
        return Supervised(
            stage.name, settings, model, patches, loss, settings.ema_decay
        )

    def finder(
        self,
        models: Sequence[Network],
        particles: tuple[Particle, ...],
        section: ReadSection,
        device: torch.device,
    ) -> Finder:
        """Return the network over a whole tomogram, and its connected components."""
        (model,) = models
        return WindowFinder(
            model=model,
            encoding=Spheres(),
            particles=particles,
            settings=section("predict", PredictSettings),
            device=device,
        )


def loss_of(
    settings: DeepFindETSettings, particles: Sequence[Particle]
) -> SegmentationLoss:
    """Return the loss that the settings choose, for these classes."""
    if not settings.class_weights:
        return SegmentationLoss(miss_weight=settings.miss_weight)
    of_classes = (settings.class_weights.get(p.name, 1.0) for p in particles)
    return SegmentationLoss(
        miss_weight=settings.miss_weight, class_weight=(1.0, *of_classes)
    )


METHOD = DeepFindET
