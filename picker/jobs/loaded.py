"""A method that is ready to find particles: with its models, or without any."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from picker import __version__
from picker.config import (
    Config,
    LinkSettings,
    ModelSettings,
    PredictSettings,
    PreprocessSettings,
)
from picker.config.methods import METHODS
from picker.core.fingerprint import fingerprint
from picker.jobs.densities import read_densities
from picker.jobs.link import linked_key
from picker.jobs.model_card import ModelCard, model_fingerprint, read_model
from picker.jobs.settings import read_particles, read_section
from picker.machine.device import choose_device
from picker.machine.memory import give_back_freed_memory
from picker.methods import load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config.methods import MethodName
    from picker.core.tomogram import Tomogram
    from picker.finding.finder import Finder


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """What finds particles.

    Attributes
    ----------
    finder
        Finds them.
    card
        Its classes, and how its volumes are to be prepared.
    model_key
        Digest of what its scores come from: thresholds hold for one digest alone.
    detector_key
        The same of its detections on slices, whose scores no setting of `link` changes;
        None: it has none.
    settings_key
        Digest of the settings that it reads.
    """

    finder: Finder
    card: ModelCard
    model_key: str
    settings_key: str
    detector_key: str | None = None


def read_loaded(
    paths: Sequence[Path], name: MethodName | None, settings: Sequence[Path]
) -> Loaded:
    """Return trained models, or a method that is not trained, ready to find particles.

    Parameters
    ----------
    paths
        Models of one method.
    name
        In their place: a method that has none.
    settings
        Files of settings.

    Raises
    ------
    ValueError
        If neither or both are given, a model cannot be used, or several are of
        different methods or classes.
    """
    if bool(paths) == bool(name):
        raise ValueError(
            "expected --model with a trained model, or --method with a method that is"
            " not trained; not both"
        )
    section = partial(read_section, settings)
    predict = section("predict", PredictSettings)
    device = choose_device(predict.device)
    models = [read_model(path, device) for path in paths]
    cards = [card for _, card in models]
    if cards:
        card = cards[-1]
        for path, other in zip(paths, cards, strict=True):
            if (other.method, other.particles) != (card.method, card.particles):
                raise ValueError(
                    f"{path} is of method {other.method} with"
                    f" {len(other.particles)} classes, {paths[-1]} of {card.method}"
                    f" with {len(card.particles)}; expected the models of one method"
                )
        keys = [model_fingerprint(path) for path in paths]
        key = keys[0] if len(keys) == 1 else fingerprint(*keys)
    else:
        card = _untrained(cast("MethodName", name), settings)
        key = fingerprint(__version__, name, [p.key() for p in card.particles])
    row = METHODS[card.method]
    own = [section(one, Config.section_kind(one)).key() for one in row.sections]
    densities = read_densities(card.particles) if row.densities else {}
    own += [_digest(one) for one in densities.values()]
    if row.links:
        own.append(str(predict.slice_step))
    finder = load(card.method, densities).finder(
        [model for model, _ in models], card.particles, section, device
    )
    del models
    give_back_freed_memory()  # of copies of the weights
    key = fingerprint(key, own) if own else key
    return Loaded(
        finder=finder,
        card=card,
        model_key=(
            linked_key(key, section("link", LinkSettings)) if row.links else key
        ),
        settings_key=predict.key(),
        detector_key=key if row.links else None,
    )


def _digest(density: Tomogram) -> str:
    """Return what a density map finds: its name, values and voxel size."""
    return fingerprint(
        density.name,
        density.voxel_size,
        density.shape_zyx,
        density.volume.tobytes(),
    )


def _untrained(name: MethodName, settings: Sequence[Path]) -> ModelCard:
    """Return the card of a method that has no model."""
    return ModelCard(
        stage="none",
        method=name,
        particles=read_particles(settings),
        model=ModelSettings(),
        preprocess=read_section(settings, "preprocess", PreprocessSettings),
        training_voxel_size=None,
    )
