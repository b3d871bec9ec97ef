"""Measure how long a tomogram takes, and record one cell of the benchmark.

The first tomogram of the manifest is predicted a few times, from its volume in memory
to its candidates in Å. Its median time and the evaluation's F1 become one JSON file.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from picker.core.files import write_text
from picker.jobs.loaded import read_loaded
from picker.jobs.stored import stored_volume
from picker.project.json_files import read_json
from picker.project.manifests import read_preprocessed
from picker.project.records import Preprocessed
from picker.report.benchmark import Cell
from picker.verbs.common import add_models, add_settings, logger

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_models(parser)
    parser.add_argument("--manifest", type=Path, required=True, help="tomograms")
    parser.add_argument("--metrics", type=Path, required=True, help="of the evaluation")
    parser.add_argument("--labeled", type=int, required=True, help="labels trained on")
    parser.add_argument("--seed", type=int, required=True, help="seed trained with")
    parser.add_argument("--repeats", type=int, default=3, help="of the measurement")
    add_settings(parser, "predict")
    parser.add_argument("--output", type=Path, required=True, help="JSON to write")


def run(arguments: argparse.Namespace) -> None:
    """Measure and record.

    Raises
    ------
    ValueError
        If there is no tomogram to measure on.
    """
    loaded = read_loaded(arguments.model, arguments.method, arguments.settings)
    finder, card = loaded.finder, loaded.card
    given = read_preprocessed([arguments.manifest])
    usable = [entry for entry in given if isinstance(entry, Preprocessed)]
    if not usable:
        raise ValueError(f"no tomogram of {arguments.manifest} could be used")
    volume = np.asarray(stored_volume(usable[0])[:], np.float32)
    voxel_size = usable[0].voxel_size
    finder.candidates(volume, voxel_size)  # a first time, to warm up
    seconds = []
    for _ in range(arguments.repeats):
        started = time.perf_counter()
        # Its result is on the CPU: nothing is left to be waited for.
        finder.candidates(volume, voxel_size)
        seconds.append(time.perf_counter() - started)
    metrics = read_json(arguments.metrics)
    cell = Cell(
        method=card.method,
        labeled=arguments.labeled,
        seed=arguments.seed,
        seconds=statistics.median(seconds),
        shape_zyx=usable[0].shape_zyx,
        device=(
            torch.cuda.get_device_name(finder.device)
            if finder.device.type == "cuda"
            else f"CPU, {torch.get_num_threads()} threads"
        ),
        f1={
            key.removeprefix("f1@"): values
            for key, values in metrics.items()
            if key.startswith("f1@")
        },
    )
    logger.info("%s: %.2f s a tomogram", card.method, cell.seconds)
    write_text(arguments.output, cell.model_dump_json(indent=1))
