"""One stage of a method: preprocessed tomograms to a model."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from picker.config import (
    CalibrateSettings,
    Config,
    PartialSettings,
    PickSettings,
    PretrainSettings,
    TrainSettings,
)
from picker.config.methods import METHODS
from picker.core.files import remove
from picker.core.fingerprint import fingerprint
from picker.jobs.model_card import write_model
from picker.jobs.proposals import (
    proposed_entries,
    proposed_sources,
    proposer,
    set_scores,
)
from picker.jobs.settings import read_section
from picker.jobs.starting_model import model_before, untrained_model
from picker.jobs.taught import write_proposals
from picker.jobs.training_data import (
    common_voxel_size,
    inputs_key,
    known_key,
    labeled_entries,
    labeled_sources,
    labeled_where_picked,
    patch_source,
    sources_key,
    usable,
)
from picker.jobs.validation import (
    hidden_numbers,
    mean_f1,
    thresholds_of,
    thresholds_of_partial,
)
from picker.machine.device import choose_device
from picker.machine.processes import is_first, process_group
from picker.machine.signals import stop_request
from picker.methods import Data, load
from picker.project.claims import claimed
from picker.project.layout import proposals_file
from picker.project.manifests import read_preprocessed
from picker.scoring.calibrate import FALLBACK
from picker.training.loop import train, write_log

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import torch

    from picker.config.methods import MethodName, Stage
    from picker.finding.finder import Finder
    from picker.jobs.model_card import ModelCard
    from picker.jobs.starting_model import StartingModel
    from picker.methods import Method
    from picker.networks.network import Network
    from picker.project.records import Failed, Preprocessed

logger = logging.getLogger("picker")

PARTLY_KNOWN = ("partial", "reviewed")
"""Splits whose unlabeled patches have labels too."""
LOW_SCORE = 0.001
"""Lowest score of a candidate where a part of the particles has labels, or none has: a
model that has trained for a while is unsure of what it finds."""


def train_stage(
    name: MethodName,
    stage_name: str,
    manifests: Sequence[Path],
    settings: Sequence[Path],
    *,
    before: Path | None,
    output: Path,
    log: Path,
    checkpoint: Path,
) -> None:
    """Write the model of one stage, and the log of its training.

    Interrupted, the same call continues from the last checkpoint.

    Parameters
    ----------
    name, stage_name
        A method, and one of its stages.
    manifests
        Of the preprocessed tomograms that the stage sees.
    settings
        Files of settings.
    before
        Model of the stage before; None: the stage is the first one.
    output, log
        Model and TSV to write.
    checkpoint
        File to resume from.

    Raises
    ------
    ValueError
        If the stage, its tomograms or the model before cannot be used, or the loss
        stays without a finite gradient.
    Interrupted
        If a signal asks to stop; the checkpoint holds the step it came in.
    """
    stage = METHODS[name].pretrained().stage(stage_name)
    entries = read_preprocessed(manifests)
    if "unlabeled" in stage.labeled:
        entries = labeled_where_picked(entries)
    method = load(name)
    shared = read_section(settings, "train", TrainSettings)
    with process_group(choose_device(shared.device), claimed(checkpoint)) as device:
        if before:
            start = model_before(before, device)
        else:
            voxel_size = common_voxel_size(_taught(entries, stage, settings))
            start = untrained_model(name, method, settings, voxel_size)
        shown = proposals_file(output)
        if is_first():
            remove(shown)
        model, card = _trained(
            *(method, stage, start, entries, settings, device),
            log=log,
            checkpoint=checkpoint,
            shown=shown,
        )
        if is_first():
            card = card.model_copy(update={"method": name})
            write_model(output, model, card)


def _taught(
    entries: Sequence[Preprocessed | Failed], stage: Stage, settings: Sequence[Path]
) -> list[Preprocessed]:
    """Return the tomograms with labels, or proposals, that a stage learns from."""
    if stage.proposed:
        pretrain = read_section(settings, "pretrain", PretrainSettings)
        return proposed_entries(entries, stage, pretrain)
    return labeled_entries(entries, stage)


def _trained(
    method: Method,
    stage: Stage,
    start: StartingModel,
    entries: Sequence[Preprocessed | Failed],
    settings: Sequence[Path],
    device: torch.device,
    *,
    log: Path,
    checkpoint: Path,
    shown: Path,
) -> tuple[Network, ModelCard]:
    """Return the stage's model and what it is."""
    section = partial(read_section, settings)
    shared = section("train", TrainSettings)
    partial_labels = section("partial", PartialSettings)
    # Of stages that use thresholds; else they are not among the settings.
    calibration = section("calibrate", CalibrateSettings), section("pick", PickSettings)
    particles = start.card.particles
    with_labels = _taught(entries, stage, settings)
    unlabeled = [entry for split in stage.unlabeled for entry in usable(entries, split)]
    seen = [*with_labels, *(entry for entry in unlabeled if entry not in with_labels)]
    known = usable(entries, "validation") or usable(entries, "labeled")
    partly_known = usable(entries, "partial")

    def finder(model: Network, **changes: Any) -> Finder:
        """Return what finds with a model, some settings of predicting changed."""

        def changed(section_name: str, kind: Any) -> Any:
            found = section(section_name, kind)
            is_ours = section_name == "predict"
            return found.model_copy(update=changes) if is_ours else found

        return method.finder([model], particles, changed, device)

    any_class = are_given = False
    if stage.proposed:
        pretrain = section("pretrain", PretrainSettings)
        is_first_stage = start.is_untrained
        any_class = pretrain.proposals == "blobs" and not stage.sets_scores
        are_given = pretrain.proposals == "picks"
        labeled = proposed_sources(
            with_labels,
            particles,
            pretrain,
            proposer(pretrain, particles, section, device)
            if is_first_stage
            else finder(start.network, flips=False),
            least=pretrain.min_score if is_first_stage else FALLBACK,
            for_all=any_class,
        )
    else:
        labeled = labeled_sources(with_labels, particles, partial_labels)
    data = Data(
        particles=particles,
        section=section,
        labeled=labeled,
        unlabeled=[
            patch_source(e, particles, partial_labels, labeled=e.split in PARTLY_KNOWN)
            for e in unlabeled
        ],
        voxel_size=common_voxel_size(seen),
        calibrate=lambda model: (
            thresholds_of(finder(model), known, particles, *calibration)
            if known
            else thresholds_of_partial(
                finder(model, min_score=LOW_SCORE),
                partly_known,
                particles,
                partial_labels,
                *calibration,
            )
        ),
        hidden=lambda model: hidden_numbers(
            finder(model, flips=False, min_score=LOW_SCORE),
            partly_known,
            particles,
            partial_labels,
        ),
    )
    proposals = method.proposals(stage, data)
    if proposals is not None:
        data = replace(data, labeled=proposals)
    task = method.task(stage, data, start.network)
    if task is None:
        logger.info("%s: nothing to train, the model before is the result", stage.name)
        if is_first():
            write_log(log, [])
        return start.network, start.card
    key = fingerprint(
        [section(own, Config.section_kind(own)).key() for own in stage.sections],
        shared.key(),
        method.row.module,
        start.digest,
        inputs_key(seen),
        sources_key(data.labeled),
        task.key(),
        # Those that the learning rate follows.
        *([known_key(known)] if task.plateau.is_on else []),
    )

    with stop_request() as stop:
        model = train(
            task,
            shared,
            device=device,
            checkpoint=checkpoint,
            log=log,
            # Without flips it is quick.
            validate=mean_f1(entries, particles, partial(finder, flips=False)),
            stop=stop,
            key=key,
        )
    if stage.sets_scores:
        unsure = finder(model, min_score=LOW_SCORE)
        set_scores(model, unsure, with_labels, particles, labeled)
    learned_from_proposals = stage.proposed or proposals is not None
    if learned_from_proposals and start.is_untrained and is_first():
        by_name = {entry.tomogram: entry for entry in seen}
        write_proposals(
            *(shown, stage.name),
            [(by_name[source.name], source) for source in data.labeled],
            particles,
            finder(model, flips=False, min_score=LOW_SCORE),
            any_class=any_class,
            are_given=are_given,
        )
    return model, start.card.model_copy(update={"stage": stage.name})
