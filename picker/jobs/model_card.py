"""A model file explains itself: weights with the settings that they were made with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from picker import __version__
from picker.config import (
    ModelSettings,
    Particle,
    PreprocessSettings,
    SlicesSettings,
    UPickerSettings,
    explained,
)
from picker.config.base import Positive
from picker.config.methods import METHODS, MethodName
from picker.core.fingerprint import fingerprint
from picker.core.messages import cut
from picker.formats.text import listed
from picker.methods import load
from picker.training.model_file import load_weights, read_header, save_model

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from picker.config import Settings
    from picker.networks.network import Network


class ModelCard(BaseModel):
    """What is needed to use a model on a new tomogram."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    version: str = __version__
    stage: str
    method: MethodName
    particles: Annotated[tuple[Particle, ...], Field(min_length=1)]
    model: ModelSettings
    preprocess: PreprocessSettings
    training_voxel_size: Positive | None
    """Voxel size of the labeled tomograms [Å]; None: nothing was trained."""
    upicker: UPickerSettings | None = None
    """Describes the network of that method, in place of `model`; None: of another."""
    slices: SlicesSettings | None = None
    """The same of yolo_slices and faster_rcnn_slices."""

    @model_validator(mode="after")
    def _describes_its_network(self) -> Self:
        name = METHODS[self.method].architecture
        if getattr(self, name) is None:
            raise ValueError(
                f"method {self.method} has no {name}, which describes its network"
            )
        return self

    @property
    def architecture(self) -> Settings:
        """The section that describes the network."""
        found: Settings = getattr(self, METHODS[self.method].architecture)
        return found


def write_model(path: Path, model: nn.Module, card: ModelCard) -> None:
    """Write weights and card as one safetensors file."""
    save_model(path, model, card.model_dump(mode="json"))


def read_card(path: Path) -> ModelCard:
    """Return what a model file says of itself, if its weights agree with it.

    The network is laid out without memory and compared with the file's header: a card
    can name any width.

    Raises
    ------
    ValueError
        If the file is missing, damaged or of another kind, or its weights are not those
        of the network that it names.
    """
    shapes, fractions, metadata = read_header(path)
    try:
        card = ModelCard.model_validate(metadata)
    except ValidationError as error:
        raise ValueError(
            f"model {path} does not say what it is, expected what this version writes;"
            f" train a new one:\n{explained(error)}"
        ) from error
    names = [particle.name for particle in card.particles]
    if len(set(names)) < len(names):
        raise ValueError(f"model {path} has a particle twice: {listed(names)}")
    with torch.device("meta"):
        described = _untrained(card).state_dict()
    expected = {name: tuple(tensor.shape) for name, tensor in described.items()}
    unlike = [
        name
        for name in sorted(expected.keys() | shapes.keys())
        if expected.get(name) != shapes.get(name)
    ]
    if unlike:
        name = unlike[0]
        raise ValueError(
            f"model {path} has other weights than its settings describe: {len(unlike)}"
            f" of {len(expected)} differ, {cut(name)} for one, expected"
            f" {expected.get(name, 'none')}, got {shapes.get(name, 'none')}; train one"
        )
    for name, tensor in described.items():
        if tensor.is_floating_point() != (name in fractions):
            raise ValueError(
                f"model {path} has other weights than its settings describe: {name}"
                f" holds numbers of another kind, expected {tensor.dtype}; train one"
            )
    return card


def _untrained(card: ModelCard) -> Network:
    return load(card.method).network(card.architecture, len(card.particles))


def read_model(path: Path, device: torch.device) -> tuple[Network, ModelCard]:
    """Return a model ready to predict, and its card.

    Raises
    ------
    ValueError
        If the file is missing, damaged or of another kind, or a weight is not a finite
        number.
    """
    card = read_card(path)
    model = _untrained(card)
    model.load_state_dict(load_weights(path)[0])
    return model.to(device).eval(), card


def model_fingerprint(path: Path) -> str:
    """Return a digest of what a model file finds: weights, classes and network.

    Raises
    ------
    ValueError
        If the file is missing, damaged or of another kind.
    """
    card = read_card(path)
    weights, _ = load_weights(path)
    return fingerprint(
        card.version,
        card.method,
        card.architecture.key(),
        [particle.key() for particle in card.particles],
        *(
            part
            for name, tensor in sorted(weights.items())
            for part in (name, tensor.dtype, tensor.shape, tensor.numpy().tobytes())
        ),
    )
