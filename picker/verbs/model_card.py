"""A model file explains itself: weights with the settings that they were made with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from picker import __version__
from picker.checkpoint import load_weights, save_model
from picker.config import ModelSettings, Particle, PreprocessSettings
from picker.methods import METHODS, Method
from picker.models import build_model
from picker.verbs.common import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import nn

    from picker.models.network import Network


class ModelCard(BaseModel):
    """What is needed to use a model on a new tomogram."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str = __version__
    stage: str
    method: Method
    particles: tuple[Particle, ...]
    model: ModelSettings
    preprocess: PreprocessSettings
    training_voxel_size: float
    """Voxel size of the labeled tomograms [Å]."""


def write_model(path: Path, model: nn.Module, card: ModelCard) -> None:
    """Write weights and card as one safetensors file."""
    save_model(path, model, card.model_dump(mode="json"))


def read_model(path: Path, device: torch.device) -> tuple[Network, ModelCard]:
    """Return a model ready to predict, and its card.

    Raises
    ------
    ValueError
        If the file is missing, damaged or of another kind.
    """
    weights, metadata = load_weights(path)
    card = ModelCard.model_validate(metadata)
    network = METHODS[card.method].network
    model = build_model(card.model, len(card.particles), network)
    model.load_state_dict(weights)
    return model.to(device).eval(), card


def model_fingerprint(path: Path) -> str:
    """Return a digest of what a model file finds: weights, classes and network.

    Raises
    ------
    ValueError
        If the file is missing, damaged or of another kind.
    """
    weights, metadata = load_weights(path)
    card = ModelCard.model_validate(metadata)
    return fingerprint(
        card.version,
        card.method,
        card.model.key(),
        [particle.key() for particle in card.particles],
        *(
            part
            for name, tensor in sorted(weights.items())
            for part in (name, tensor.dtype, tensor.shape, tensor.numpy().tobytes())
        ),
    )
