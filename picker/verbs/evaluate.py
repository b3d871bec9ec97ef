"""Compare picks with the known particles of the test tomograms.

Writes F1 at each match distance, precision, recall and the Kaggle score as JSON, and
precision-recall curves and the counts of each tomogram as TSV. The JSON names the
split. Of partial tomograms, where a pick without a label may be a particle, these are
recall of the labels that trained nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import SPLITS, EvaluateSettings, PartialSettings, PickSettings
from picker.jobs.evaluate import EvaluationFiles, evaluate_picks
from picker.jobs.settings import read_particles, read_section
from picker.project.json_files import read_json
from picker.verbs.common import add_failed, add_settings

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--picks", nargs="+", type=Path, required=True, help="manifests of picks"
    )
    parser.add_argument(
        "--candidates",
        nargs="+",
        type=Path,
        required=True,
        help="manifests of candidates, for the curves",
    )
    parser.add_argument("--thresholds", type=Path, required=True, help="JSON")
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="test",
        help="whose tomograms (default: test)",
    )
    add_settings(parser, "particles, evaluate, pick, partial")
    parser.add_argument("--output", type=Path, required=True, help="JSON to write")
    parser.add_argument("--curves", type=Path, required=True, help="TSV to write")
    parser.add_argument(
        "--by-tomogram",
        type=Path,
        required=True,
        help="TSV to write: right, wrong and missed picks of each tomogram",
    )
    add_failed(parser)


def run(arguments: argparse.Namespace) -> object:
    """Write the evaluation."""
    evaluate_picks(
        arguments.picks,
        arguments.candidates,
        arguments.thresholds,
        EvaluationFiles(
            metrics=arguments.output,
            curves=arguments.curves,
            by_tomogram=arguments.by_tomogram,
            failed=arguments.failed,
        ),
        split=arguments.split,
        particles=read_particles(arguments.settings),
        settings=read_section(arguments.settings, "evaluate", EvaluateSettings),
        picking=read_section(arguments.settings, "pick", PickSettings),
        partial=read_section(arguments.settings, "partial", PartialSettings),
    )
    return read_json(arguments.output)
