"""Train on the labeled tomograms.

Interrupted, the same command goes on from the last checkpoint. With a --method that
does not co-train this stage takes the steps of both stages.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from picker.config import (
    BurnInSettings,
    CoTrainSettings,
    ModelSettings,
    PredictSettings,
    PreprocessSettings,
    TrainSettings,
)
from picker.config.methods import METHODS
from picker.machine.device import choose_device
from picker.machine.processes import is_first, process_group
from picker.machine.signals import stop_request
from picker.networks import build_model
from picker.project.claims import claimed
from picker.project.manifests import read_preprocessed
from picker.training.loop import run_stage
from picker.training.patches import PatchDataset
from picker.training.step import Stage
from picker.verbs.common import (
    add_settings,
    fingerprint,
    read_particles,
    read_section,
)
from picker.verbs.model_card import ModelCard, write_model
from picker.verbs.training import (
    all_labels,
    begin_from,
    common_voxel_size,
    inputs_key,
    labeled_sources,
    usable,
    validation,
)

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--manifests",
        nargs="+",
        type=Path,
        required=True,
        help="preprocessing manifests of the labeled and validation tomograms, for"
        " supervised_full of the unlabeled ones too",
    )
    add_settings(
        parser, "particles, model, preprocess, train, burn_in, co_train, predict"
    )
    parser.add_argument("--method", choices=METHODS, default="semietpicker")
    parser.add_argument("--output", type=Path, required=True, help="model to write")
    parser.add_argument("--log-table", type=Path, required=True, help="TSV to write")
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="file to resume from"
    )


def run(arguments: argparse.Namespace) -> None:
    """Burn in."""
    settings = arguments.settings
    particles = read_particles(settings)
    shared = read_section(settings, "train", TrainSettings)
    burn_in = read_section(settings, "burn_in", BurnInSettings)
    predict = read_section(settings, "predict", PredictSettings)
    architecture = read_section(settings, "model", ModelSettings)
    recipe = METHODS[arguments.method]
    if not recipe.co_trains:
        more = read_section(settings, "co_train", CoTrainSettings).steps
        burn_in = burn_in.model_copy(update={"steps": burn_in.steps + more})
    entries = read_preprocessed(arguments.manifests)
    if recipe.all_labels:
        entries = all_labels(entries)
    sources = labeled_sources(entries, particles)
    torch.manual_seed(shared.seed)
    network = build_model(architecture, len(particles), recipe.network)
    voxel_size = common_voxel_size(usable(entries, "labeled"))
    begun = begin_from(network, burn_in.start_from, particles, voxel_size)
    with (
        process_group(
            choose_device(shared.device), claimed(arguments.checkpoint)
        ) as device,
        stop_request() as stop,
    ):
        model = run_stage(
            Stage(name="burn_in", settings=burn_in, shared=shared),
            network,
            # Made here, where it is known how many processes share a batch.
            PatchDataset(
                sources,
                [],
                shared,
                "burn_in",
                stride=network.stride,
                segments=network.segments,
            ),
            device=device,
            checkpoint=arguments.checkpoint,
            log=arguments.log_table,
            validate=validation(entries, particles, predict, device),
            stop=stop,
            key=fingerprint(
                burn_in.key(),
                shared.key(),
                recipe.network,
                architecture.key(),
                [particle.key() for particle in particles],
                inputs_key(usable(entries, "labeled")),
                [(s.name, s.index_zyx.tolist()) for s in sources],
                *([begun] if begun else []),
            ),
        )
        if not is_first():
            return
    card = ModelCard(
        stage="burn_in",
        method=arguments.method,
        particles=particles,
        model=architecture,
        preprocess=read_section(settings, "preprocess", PreprocessSettings),
        training_voxel_size=voxel_size,
    )
    write_model(arguments.output, model, card)
