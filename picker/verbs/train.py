"""Train one stage of a method.

Interrupted, the same command continues from the last checkpoint. A stage begins with
the model of the one before; the first one with random weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import Config
from picker.config.methods import METHODS
from picker.jobs.results import table_result
from picker.jobs.train import train_stage
from picker.verbs.common import add_settings, is_teller

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add = parser.add_argument
    add("--method", choices=METHODS, default=Config.model_fields["method"].default)
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


def run(arguments: argparse.Namespace) -> object:
    """Train."""
    train_stage(
        arguments.method,
        arguments.stage,
        arguments.manifests,
        arguments.settings,
        before=arguments.before,
        output=arguments.output,
        log=arguments.log_table,
        checkpoint=arguments.checkpoint,
    )
    rows = table_result(arguments.log_table) if is_teller() else []
    return {
        "method": arguments.method,
        "stage": arguments.stage,
        "output": arguments.output,
        "log_table": arguments.log_table,
        "last": rows[-1] if rows else None,
    }
