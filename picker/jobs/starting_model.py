"""The model that a stage's training starts from."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch

from picker.config import (
    BurnInSettings,
    Config,
    ModelSettings,
    PreprocessSettings,
    TrainSettings,
)
from picker.jobs.model_card import (
    ModelCard,
    model_fingerprint,
    read_card,
    read_model,
)
from picker.jobs.settings import read_particles, read_section
from picker.networks.transfer import take_over
from picker.training.model_file import load_weights

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import Particle
    from picker.config.methods import MethodName
    from picker.methods import Method
    from picker.networks.network import Network

logger = logging.getLogger("picker")

UNTRAINED = "untrained"
"""The stage of a model that no stage has trained."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StartingModel:
    """A model to train.

    Attributes
    ----------
    network
        With the weights that it starts from.
    card
        What it is.
    digest
        What it was made from, as part of a fingerprint.
    """

    network: Network
    card: ModelCard
    digest: object

    @property
    def is_untrained(self) -> bool:
        """Whether no stage has trained it."""
        return self.card.stage == UNTRAINED


def model_before(path: Path, device: torch.device) -> StartingModel:
    """Return the model that the stage before has made.

    Raises
    ------
    ValueError
        If the file cannot be used.
    """
    network, card = read_model(path, device)
    return StartingModel(network=network, card=card, digest=model_fingerprint(path))


def untrained_model(
    name: MethodName, method: Method, settings: Sequence[Path], voxel_size: float
) -> StartingModel:
    """Return a method's network with random weights, or with those of a given model.

    Parameters
    ----------
    name, method
        What is trained, by its name and loaded.
    settings
        Files of settings.
    voxel_size
        Of the labeled tomograms [Å].

    Raises
    ------
    ValueError
        If `burn_in.start_from` cannot be used.
    """
    section = partial(read_section, settings)
    particles = read_particles(settings)
    own = method.row.architecture
    architecture = section(own, Config.section_kind(own))
    torch.manual_seed(section("train", TrainSettings).seed)
    network = method.network(architecture, len(particles))
    start_from = section("burn_in", BurnInSettings).start_from
    begun = begin_from(network, start_from, particles, voxel_size)
    card = ModelCard.model_validate(
        {
            "stage": UNTRAINED,
            "method": name,
            "particles": particles,
            "model": ModelSettings(),
            "preprocess": section("preprocess", PreprocessSettings),
            "training_voxel_size": voxel_size,
            own: architecture,
        }
    )
    classes = [particle.key() for particle in particles]
    digest = (method.row.network, architecture.key(), classes, begun)
    return StartingModel(network=network, card=card, digest=digest)


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
