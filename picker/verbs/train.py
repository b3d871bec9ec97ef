"""Train one stage of a method.

Interrupted, the same command goes on from the last checkpoint. A stage begins with the
model of the one before; the first one with random weights.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from picker.config import (
    BurnInSettings,
    Config,
    ModelSettings,
    PreprocessSettings,
    TrainSettings,
)
from picker.config.methods import METHODS
from picker.core.fingerprint import fingerprint
from picker.jobs.model_card import (
    ModelCard,
    model_fingerprint,
    read_model,
    write_model,
)
from picker.jobs.settings import read_particles, read_section
from picker.jobs.training_data import (
    all_labels,
    begin_from,
    common_voxel_size,
    inputs_key,
    labeled_sources,
    patch_source,
    thresholds_of,
    usable,
    validation,
)
from picker.machine.device import choose_device
from picker.machine.processes import is_first, process_group
from picker.machine.signals import stop_request
from picker.methods import Data, load
from picker.project.claims import claimed
from picker.project.manifests import read_preprocessed
from picker.training.loop import train, write_log
from picker.verbs.common import add_settings, logger

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from picker.config.methods import Stage
    from picker.methods import Method
    from picker.networks.network import Network
    from picker.project.records import Failed, Preprocessed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add = parser.add_argument
    add("--method", choices=METHODS, default="semietpicker")
    add("--stage", required=True, help="one of the method's")
    add(
        "--manifests",
        nargs="+",
        type=Path,
        required=True,
        help="preprocessing manifests of the tomograms that the stage sees",
    )
    add("--before", type=Path, help="model of the stage before, if there is one")
    add_settings(
        parser, "particles, model, preprocess, train, predict and the stage's own"
    )
    add("--output", type=Path, required=True, help="model to write")
    add("--log-table", type=Path, required=True, help="TSV to write")
    add("--checkpoint", type=Path, required=True, help="file to resume from")


def run(arguments: argparse.Namespace) -> None:
    """Train."""
    stage = METHODS[arguments.method].stage(arguments.stage)
    entries = read_preprocessed(arguments.manifests)
    if "unlabeled" in stage.labeled:
        entries = all_labels(entries)
    shared = read_section(arguments.settings, "train", TrainSettings)
    with process_group(
        choose_device(shared.device), claimed(arguments.checkpoint)
    ) as device:
        model, card = _trained(arguments, stage, entries, shared, device)
        if is_first():
            write_model(arguments.output, model, card)


def _trained(
    arguments: argparse.Namespace,
    stage: Stage,
    entries: Sequence[Preprocessed | Failed],
    shared: TrainSettings,
    device: torch.device,
) -> tuple[Network, ModelCard]:
    """Return the stage's model and what it is."""
    section = partial(read_section, arguments.settings)
    method = load(arguments.method)
    model, card, begun = _start(arguments, method, entries, shared, device)
    particles = card.particles
    labeled = labeled_sources(entries, particles)
    unlabeled = usable(entries, "unlabeled") if stage.unlabeled else []
    seen = [*usable(entries, "labeled"), *unlabeled]
    known = usable(entries, "validation") or usable(entries, "labeled")
    data = Data(
        particles=particles,
        section=section,
        labeled=labeled,
        unlabeled=[patch_source(entry, particles) for entry in unlabeled],
        voxel_size=common_voxel_size(seen),
        calibrate=lambda found: thresholds_of(
            method.finder([found], particles, section, device), known, particles
        ),
    )
    task = method.task(stage, data, model)
    if task is None:
        logger.info("%s: nothing to train, the model before is the result", stage.name)
        if is_first():
            write_log(arguments.log_table, [])
        return model, card.model_copy(update={"method": arguments.method})
    key = fingerprint(
        [section(own, Config.section_kind(own)).key() for own in stage.sections],
        shared.key(),
        method.row.module,
        begun,
        inputs_key(seen),
        [(source.name, source.index_zyx.tolist()) for source in labeled],
        task.key(),
    )

    def one_view(name: str, kind: Any) -> Any:
        found = section(name, kind)
        plain = name == "predict"
        return found.model_copy(update={"flips": False}) if plain else found

    with stop_request() as stop:
        trained = train(
            task,
            shared,
            device=device,
            checkpoint=arguments.checkpoint,
            log=arguments.log_table,
            validate=validation(
                entries,
                particles,
                lambda found: method.finder([found], particles, one_view, device),
            ),
            stop=stop,
            key=key,
        )
    return trained, card.model_copy(
        update={"stage": stage.name, "method": arguments.method}
    )


def _start(
    arguments: argparse.Namespace,
    method: Method,
    entries: Sequence[Preprocessed | Failed],
    shared: TrainSettings,
    device: torch.device,
) -> tuple[Network, ModelCard, object]:
    """Return the model that training starts from, what it is, and a digest of it."""
    if arguments.before:
        model, card = read_model(arguments.before, device)
        return model, card, model_fingerprint(arguments.before)
    settings = arguments.settings
    particles = read_particles(settings)
    architecture = read_section(settings, "model", ModelSettings)
    voxel_size = common_voxel_size(usable(entries, "labeled"))
    torch.manual_seed(shared.seed)
    model = method.network(architecture, len(particles))
    start_from = read_section(settings, "burn_in", BurnInSettings).start_from
    begun = begin_from(model, start_from, particles, voxel_size)
    card = ModelCard(
        stage="untrained",
        method=arguments.method,
        particles=particles,
        model=architecture,
        preprocess=read_section(settings, "preprocess", PreprocessSettings),
        training_voxel_size=voxel_size,
    )
    digest = (
        method.row.network,
        architecture.key(),
        [particle.key() for particle in particles],
        begun,
    )
    return model, card, digest
