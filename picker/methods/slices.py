"""Detectors of squares on slices, whose squares are linked to particles.

Source: the report on the CZII challenge (Faster R-CNN on slices, section 4; YOLO and
linking in the ensemble); Ge et al. 2021, YOLOX; docs/slices.md says what is different.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from picker.config import (
    BurnInSettings,
    CoTrainSettings,
    LinkSettings,
    PredictSettings,
    SlicesSettings,
    TrainSettings,
)
from picker.finding.slice_finder import SliceFinder
from picker.finding.square_detector import SquareDetector
from picker.methods import Method, without_doubtful
from picker.networks.faster_rcnn import SliceFasterRCNN
from picker.networks.yolo import SliceYolo
from picker.training.faster_rcnn import region_losses
from picker.training.slices import SliceDataset
from picker.training.square_task import SquareTask
from picker.training.supervised import as_long_as_both
from picker.training.yolo import yolo_losses

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from picker.config import Particle, Settings
    from picker.config.methods import Stage
    from picker.methods import Data, ReadSection
    from picker.networks.network import Network
    from picker.training.square_task import SquareLosses


class Kind(NamedTuple):
    """A detector, and what it minimises."""

    network: type[SliceYolo | SliceFasterRCNN]
    losses: SquareLosses


KINDS = {
    "yolo": Kind(SliceYolo, yolo_losses),
    "faster_rcnn": Kind(SliceFasterRCNN, region_losses),
}
"""By the row's option `kind`."""


class Slices(Method):
    """One stage, with as many steps as burn-in and co-training have together."""

    def network(
        self, settings: Settings, num_particles: int
    ) -> SliceYolo | SliceFasterRCNN:
        """Return an untrained detector."""
        assert isinstance(settings, SlicesSettings)
        return KINDS[self.row.options["kind"]].network(settings, num_particles)

    def task(self, stage: Stage, data: Data, model: Network) -> SquareTask:
        """Return training on labels; of partial tomograms blobs are in doubt.

        Raises
        ------
        ValueError
            If a tomogram is narrower than a patch.
        """
        own = data.section("slices", SlicesSettings)
        schedule = as_long_as_both(
            data.section("burn_in", BurnInSettings),
            data.section("co_train", CoTrainSettings),
        )
        patches = SliceDataset(
            without_doubtful(data),
            data.section("train", TrainSettings),
            stage.name,
            "slices.edge",
            batch_size=own.batch_size,
            edge=own.edge,
            channels=own.channels,
            min_chord=own.min_chord,
            any_angle=own.any_angle,
        )
        losses = KINDS[self.row.options["kind"]].losses
        return SquareTask(
            *(stage.name, schedule, model, patches, own.channels, losses),
            schedule.ema_decay,
        )

    def finder(
        self,
        models: Sequence[Network],
        particles: tuple[Particle, ...],
        section: ReadSection,
        device: torch.device,
    ) -> SliceFinder:
        """Return the detector over all slices, and what is linked of its squares."""
        (model,) = models
        assert isinstance(model, SliceYolo | SliceFasterRCNN)
        predict = section("predict", PredictSettings)
        return SliceFinder(
            detector=SquareDetector(model=model, min_score=predict.min_score),
            particles=particles,
            link=section("link", LinkSettings),
            channels=model.settings.channels,
            min_chord=model.settings.min_chord,
            step=predict.slice_step,
            device=device,
        )


METHOD = Slices
