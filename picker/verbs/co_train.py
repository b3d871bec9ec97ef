"""Go on training with the unlabeled tomograms, as teacher and student.

Both start from the burn-in's model; the teacher is the result. Interrupted, the same
command goes on from the last checkpoint. Without unlabeled tomograms, or for a method
that does not co-train, the burn-in's model is the result.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import CoTrainSettings, PredictSettings, TrainSettings
from picker.config.methods import METHODS
from picker.machine.device import choose_device
from picker.machine.processes import is_first, process_group
from picker.machine.signals import stop_request
from picker.project.claims import claimed
from picker.project.manifests import read_preprocessed
from picker.training.loop import run_stage, write_log
from picker.training.patches import PatchDataset
from picker.training.step import Stage
from picker.verbs.common import (
    add_settings,
    fingerprint,
    logger,
    read_section,
)
from picker.verbs.model_card import (
    ModelCard,
    model_fingerprint,
    read_model,
    write_model,
)
from picker.verbs.training import (
    common_voxel_size,
    inputs_key,
    labeled_sources,
    patch_source,
    pseudo_picks,
    usable,
    validation,
)

if TYPE_CHECKING:
    import argparse

    import torch

    from picker.config.methods import Recipe
    from picker.networks.network import Network


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--manifests",
        nargs="+",
        type=Path,
        required=True,
        help="preprocessing manifests of labeled, unlabeled, validation tomograms",
    )
    parser.add_argument("--model", type=Path, required=True, help="the burn-in's model")
    add_settings(parser, "train, co_train, predict")
    parser.add_argument("--output", type=Path, required=True, help="model to write")
    parser.add_argument("--log-table", type=Path, required=True, help="TSV to write")
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="file to resume from"
    )


def run(arguments: argparse.Namespace) -> None:
    """Co-train."""
    shared = read_section(arguments.settings, "train", TrainSettings)
    co_train = read_section(arguments.settings, "co_train", CoTrainSettings)
    predict = read_section(arguments.settings, "predict", PredictSettings)
    with (
        process_group(
            choose_device(shared.device), claimed(arguments.checkpoint)
        ) as device,
    ):
        model, card = _co_train(arguments, shared, co_train, predict, device)
        if is_first():
            write_model(arguments.output, model, card)


def _co_train(
    arguments: argparse.Namespace,
    shared: TrainSettings,
    co_train: CoTrainSettings,
    predict: PredictSettings,
    device: torch.device,
) -> tuple[Network, ModelCard]:
    """Return the teacher and what it is, or the burn-in's model."""
    model, card = read_model(arguments.model, device)
    entries = read_preprocessed(arguments.manifests)
    chosen = usable(entries, "unlabeled")
    recipe = METHODS[card.method]
    if not recipe.co_trains or not chosen or co_train.steps == 0:
        logger.info("no co-training: the burn-in's model is the result")
        if is_first():
            write_log(arguments.log_table, [])
        return model, card
    common_voxel_size([*usable(entries, "labeled"), *chosen])
    co_train, shared = as_method(recipe, co_train, shared)
    labeled = labeled_sources(entries, card.particles)
    unlabeled = [patch_source(entry, card.particles) for entry in chosen]
    how = pseudo_picks(
        model, entries, card.particles, co_train, shared, predict, device
    )
    with stop_request() as stop:
        model = run_stage(
            Stage(name="co_train", settings=co_train, shared=shared, pseudo_picks=how),
            model,
            PatchDataset(labeled, unlabeled, shared, "co_train", stride=model.stride),
            device=device,
            checkpoint=arguments.checkpoint,
            log=arguments.log_table,
            validate=validation(entries, card.particles, predict, device),
            stop=stop,
            key=fingerprint(
                co_train.key(),
                shared.key(),
                model_fingerprint(arguments.model),
                inputs_key(
                    [
                        *usable(entries, "labeled"),
                        *chosen,
                        # their particles decide what a pseudo-pick is
                        *(usable(entries, "validation") if how else []),
                    ]
                ),
            ),
        )
    return model, card.model_copy(update={"stage": "co_train"})


def as_method(
    recipe: Recipe, co_train: CoTrainSettings, shared: TrainSettings
) -> tuple[CoTrainSettings, TrainSettings]:
    """Return the settings with what the method does without turned off."""
    multi_view = co_train.multi_view and recipe.multi_view
    dropblock = shared.augment.dropblock and recipe.dropblock
    augment = shared.augment.model_copy(update={"dropblock": dropblock})
    return (
        co_train.model_copy(update={"multi_view": multi_view}),
        shared.model_copy(update={"augment": augment}),
    )
