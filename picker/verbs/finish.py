"""Summarise a run with its warnings, and fail if a tomogram could not be used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.jobs.finish import finish

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--picks", nargs="+", type=Path, required=True, help="manifests of picks"
    )
    parser.add_argument(
        "--failed",
        nargs="*",
        type=Path,
        default=[],
        help="manifests of tomograms that a later stage could not use",
    )
    parser.add_argument(
        "--metrics", type=Path, help="metrics.json, if there are test tomograms"
    )
    parser.add_argument(
        "--reproducibility", type=Path, help="TSV of what both halves have"
    )
    parser.add_argument(
        "--exports",
        nargs="*",
        type=Path,
        default=[],
        help="folders of exports, whose warnings are told",
    )
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="text to write")


def run(arguments: argparse.Namespace) -> object:
    """Summarise the run.

    Raises
    ------
    ValueError
        If a tomogram failed, though all others are done.
    """
    summary = finish(
        arguments.picks,
        arguments.failed,
        arguments.metrics,
        arguments.report,
        arguments.output,
        arguments.reproducibility,
        arguments.exports,
    )
    return {"output": arguments.output, "summary": summary}
