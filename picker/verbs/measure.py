"""Measure how long a tomogram takes, and record one cell of the benchmark.

The first tomogram of the manifest is predicted a few times, from its volume in memory
to its candidates in Å. Its median time and the evaluation's F1 become one JSON file.
The time of a vote is that of its members together.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from picker.core.files import write_text
from picker.jobs.loaded import read_loaded
from picker.jobs.measure import measured, measured_together
from picker.project.json_files import read_json, read_record
from picker.project.manifests import read_manifest, read_picked
from picker.project.records import Failed
from picker.report.benchmark import Cell
from picker.verbs.common import (
    add_models,
    add_settings,
    logger,
)

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_models(parser)
    parser.add_argument(
        "--members",
        nargs="+",
        type=Path,
        metavar="CELL",
        help="in place of a model: the cells whose methods vote",
    )
    parser.add_argument("--picks", type=Path, required=True, help="manifest of picks")
    parser.add_argument("--metrics", type=Path, required=True, help="of the evaluation")
    parser.add_argument("--failed", type=Path, required=True, help="of the evaluation")
    parser.add_argument("--labeled", type=int, required=True, help="labels trained on")
    parser.add_argument("--seed", type=int, required=True, help="seed trained with")
    parser.add_argument(
        "--variant", default="", help="name of the method with other settings"
    )
    parser.add_argument("--repeats", type=int, default=3, help="of the measurement")
    add_settings(parser, "predict")
    parser.add_argument("--output", type=Path, required=True, help="JSON to write")


def run(arguments: argparse.Namespace) -> object:
    """Measure and record.

    Raises
    ------
    ValueError
        If a tomogram failed: cells of other tomograms cannot be compared.
    """
    entries = read_picked([arguments.picks])
    for entry in [*entries, *read_manifest(arguments.failed).tomograms]:
        if isinstance(entry, Failed):
            raise ValueError(
                f"{entry.tomogram} could not be used: {entry.error}. Expected the same"
                " tomograms in every cell; fix it or take it out of the table"
            )
    picked = [entry for entry in entries if not isinstance(entry, Failed)]
    if not picked:
        raise ValueError(f"{arguments.picks} has no tomogram to measure on")
    metrics = read_json(arguments.metrics)
    if arguments.members:
        members = [
            read_record(path, TypeAdapter(Cell), "the record of a training")
            for path in arguments.members
        ]
        cell = measured_together(members, metrics, arguments.variant)
    else:
        cell = measured(
            read_loaded(arguments.model, arguments.method, arguments.settings),
            picked[0].preprocessed,
            metrics,
            labeled=arguments.labeled,
            seed=arguments.seed,
            repeats=arguments.repeats,
            variant=arguments.variant,
        )
    logger.info("%s: %.2f s a tomogram", cell.name, cell.seconds)
    write_text(arguments.output, cell.model_dump_json(indent=1))
    return cell.model_dump(mode="json")
