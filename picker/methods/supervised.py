"""Training on labels alone, of any network that predicts heatmaps: the baselines.

Source: Wang et al. 2025, SemiETPicker, section 3.3 and tables 1 and 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.config import (
    BurnInSettings,
    CoTrainSettings,
    PredictSettings,
    TrainSettings,
)
from picker.encodings.heatmap import Gaussians
from picker.finding.windows import heatmap_finder
from picker.methods import Method
from picker.training.patches import PatchDataset
from picker.training.supervised import Supervised, heatmap_loss

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
        """Return supervised training."""
        shared = data.section("train", TrainSettings)
        burn_in = data.section("burn_in", BurnInSettings)
        more = data.section("co_train", CoTrainSettings).steps
        encoding = Gaussians(
            sigma_per_radius=shared.sigma_per_radius, floor=shared.floor_targets
        )
        return Supervised(
            stage.name,
            burn_in.model_copy(update={"steps": burn_in.steps + more}),
            model,
            PatchDataset(
                data.labeled, [], shared, stage.name, encoding, stride=model.stride
            ),
            heatmap_loss(shared.background_weight),
            burn_in.ema_decay,
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
