"""Training on labels alone, of any network that predicts heatmaps: the baselines.

Source: Wang et al. 2025, SemiETPicker, section 3.3 and tables 1 and 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.config import (
    BurnInSettings,
    CoTrainSettings,
    PartialSettings,
    PredictSettings,
    PretrainSettings,
    TrainSettings,
)
from picker.finding.window_finder import heatmap_finder
from picker.methods import Method
from picker.training.supervised import as_long_as_both, heatmap_task, pretraining_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from picker.config import Particle
    from picker.config.methods import Stage
    from picker.finding.finder import Finder
    from picker.methods import Data, ReadSection
    from picker.networks.network import Network
    from picker.training.task import Task


class HeatmapMethod(Method):
    """One stage, with as many steps as burn-in and co-training have together."""

    def task(self, stage: Stage, data: Data, model: Network) -> Task:
        """Return supervised training, on labels or on proposals."""
        shared = data.section("train", TrainSettings)
        if stage.proposed:
            pretrain = data.section("pretrain", PretrainSettings)
            return pretraining_task(stage.name, model, data.labeled, pretrain, shared)
        settings = as_long_as_both(
            data.section("burn_in", BurnInSettings),
            data.section("co_train", CoTrainSettings),
        )
        return heatmap_task(
            stage.name,
            model,
            data.labeled,
            settings,
            shared,
            data.section("partial", PartialSettings),
            data.hidden,
        )

    def finder(
        self,
        models: Sequence[Network],
        particles: tuple[Particle, ...],
        section: ReadSection,
        device: torch.device,
    ) -> Finder:
        """Return the network over a whole tomogram, and the peaks of its heatmap."""
        (model,) = models
        return heatmap_finder(
            model, particles, section("predict", PredictSettings), device
        )


METHOD = HeatmapMethod
