"""A voxel classifier that learns of a few labels and the number of particles.

Source: Uddin et al. 2025, TomoPicker: Annotation-efficient particle picking in cryo-
electron tomograms, section 3; docs/tomopicker.md says where this differs and why.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from picker.config import (
    BurnInSettings,
    CoTrainSettings,
    PredictSettings,
    TomoPickerSettings,
    TrainSettings,
)
from picker.encodings.balls import Balls
from picker.finding.window_finder import WindowFinder
from picker.machine.processes import is_first
from picker.methods import Method
from picker.training.patches import PatchDataset
from picker.training.positive_unlabeled import (
    LOSSES,
    Means,
    Shares,
    ball,
    shares_of,
)
from picker.training.supervised import as_long_as_both
from picker.training.task import AveragedTask

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch import Tensor, nn

    from picker.config import Particle
    from picker.config.methods import Stage
    from picker.finding.finder import Finder
    from picker.methods import Data, ReadSection
    from picker.networks.network import Network
    from picker.training.batch import Batch
    from picker.training.positive_unlabeled import LossName, Risks
    from picker.training.source import PatchSource

logger = logging.getLogger(__name__)

SAID_EVERY = 500
"""Steps between messages of how many particles are found where no label is."""


class TomoPicker(Method):
    """One stage, with as many steps as burn-in and co-training have together."""

    @property
    def loss(self) -> LossName:
        """What is minimised: with the expected number of particles, or without."""
        return cast("LossName", self.row.options["loss"])

    def task(self, stage: Stage, data: Data, model: Network) -> VoxelTask:
        """Return training on labels and what is open.

        Raises
        ------
        ValueError
            If an expected number that the loss needs is missing or cannot be right.
        """
        if self.loss != "pn":
            names = [particle.name for particle in data.particles]
            check_expected(data.labeled, names, f"tomopicker_{self.loss}")
        burn_in = as_long_as_both(
            data.section("burn_in", BurnInSettings),
            data.section("co_train", CoTrainSettings),
        )
        shared = data.section("train", TrainSettings)
        patches = PatchDataset(
            data.labeled, [], shared, stage.name, Balls(), stride=model.stride
        )
        return VoxelTask(
            stage.name,
            burn_in,
            model,
            patches,
            self.loss,
            data.section("tomopicker", TomoPickerSettings),
            shares_of(data.labeled),
            data.particles,
        )

    def finder(
        self,
        models: Sequence[Network],
        particles: tuple[Particle, ...],
        section: ReadSection,
        device: torch.device,
    ) -> Finder:
        """Return the network over a whole tomogram, and the balls in its answer."""
        (model,) = models
        predict = section("predict", PredictSettings)
        settings = section("tomopicker", TomoPickerSettings)
        return WindowFinder(
            model=model,
            encoding=Balls(
                smooth_per_radius=settings.smooth_per_radius,
                nms_per_radius=predict.nms_per_radius,
            ),
            particles=particles,
            settings=predict,
            device=device,
        )


class VoxelTask(AveragedTask):
    """Minimises one of the losses; the average of the weights is the result.

    Parameters
    ----------
    name
        The stage's.
    burn_in
        Steps, learning rate and average.
    model
        Where training starts.
    patches
        Labeled ones.
    loss, settings
        What is minimised.
    shares
        Of all training tomograms.
    particles
        The classes.
    """

    def __init__(
        self,
        name: str,
        burn_in: BurnInSettings,
        model: Network,
        patches: PatchDataset,
        loss: LossName,
        settings: TomoPickerSettings,
        shares: Shares,
        particles: tuple[Particle, ...],
    ) -> None:
        self.name, self.schedule = name, burn_in
        self.model, self.patches = model, patches
        self.decay = burn_in.ema_decay
        self.loss, self.settings, self.shares = loss, settings, shares
        self.particles = particles
        self.means = Means(settings.momentum)

    def key(self) -> str:
        """Return the loss, which is an option of the method and no setting."""
        return self.loss

    def begin(self, device: torch.device) -> None:
        """Move everything to the device that trains."""
        super().begin(device)
        self.shares = Shares(
            labeled=self.shares.labeled.to(device),
            empty=self.shares.empty.to(device),
            open=self.shares.open.to(device),
        )

    def losses(self, student: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the losses of what is known and of what is open, means of classes.

        A class without any label is left out: nothing says what it looks like.
        """
        risks = self.means.risks(student(batch.labeled).float(), batch)
        known, is_open = LOSSES[self.loss](risks, self.shares, self.settings)
        is_learned = self.shares.labeled > 0
        if (step + 1) % SAID_EVERY == 0 or step + 1 == self.schedule.steps:
            self._say(risks)
        return {
            "known_loss": known[is_learned].mean(),
            "open_loss": is_open[is_learned].mean(),
        }

    def _say(self, risks: Risks) -> None:
        """Log how much of what has no label is found, beside what is expected."""
        if not is_first() or not (self.shares.open > 0).any():
            return
        for particle, found, expected in zip(
            self.particles,
            risks.mean_found.tolist(),
            risks.expected.tolist(),
            strict=True,
        ):
            aim = "unknown" if np.isnan(expected) else f"{100 * expected:.2f}%"
            logger.info(
                "%s: %.2f%% of the voxels away from labels, expected %s",
                particle.name,
                100 * found,
                aim,
            )

    def state(self) -> dict[str, Any]:
        """Return both models' weights, and the means."""
        return {**super().state(), "means": self.means.state()}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over both models' weights, and the means."""
        super().restore(saved)
        self.means.restore(saved["means"])


def check_expected(
    sources: Sequence[PatchSource], names: Sequence[str], method: str
) -> None:
    """Check that partial tomograms have usable numbers of what has no label.

    Parameters
    ----------
    sources
        Tomograms to train on.
    names
        The classes.
    method
        What needs the numbers, for messages.

    Raises
    ------
    ValueError
        If a number is missing of a particle that has labels anywhere, if it is not
        above that of the labels, or if so many do not fit into the tomogram.
    """
    learned = np.unique(np.concatenate([source.particle for source in sources]))
    for source in sources:
        if source.hidden is None:
            continue
        labeled = np.bincount(source.particle, minlength=len(names))
        balls = ball(source)
        room = source.room - (labeled * balls).sum()
        for number in learned:
            name, hidden = names[number], source.hidden[number]
            which = f"tomogram {source.name}: the number of {name}"
            if np.isnan(hidden):
                raise ValueError(
                    f"{which} is unknown, but {method} learns of it; expected about how"
                    " many there are, labeled ones included: put it into the column"
                    f" expected, such as {name}:450, or take method tomopicker_pn"
                )
            if hidden <= 0:
                raise ValueError(
                    f"{which} is not above its {labeled[number]} labels that"
                    f" {method} trains on; expected more particles than labels: correct"
                    " the column expected or partial.expected_factor, or, if all have"
                    " labels, make the tomogram's split labeled"
                )
            taken = hidden * balls[number]
            if taken >= room:
                raise ValueError(
                    f"{which}, {hidden:.0f} besides those labeled, is too high for"
                    f" {method}: balls of its radius would take {taken:.0f}"
                    f" voxels, expected less than {room:.0f}; correct the column"
                    " expected, the particle's radius or the voxel size"
                )


METHOD = TomoPicker
